"""When a schedule comes, as people say it."""

from datetime import UTC, datetime

import pytest

from engine.schedules.words import in_words


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 9 * * MON-FRI", "Every weekday at 09:00"),
        ("0 9 * * 1-5", "Every weekday at 09:00"),
        ("@daily", "Every day at 00:00"),
        ("@hourly", "Every hour"),
        ("@weekly", "Every Sunday at 00:00"),
        ("@monthly", "On the 1st of every month at 00:00"),
        ("30 8,17 * * *", "Every day at 08:30 and 17:30"),
        ("0 9 * * SAT,SUN", "Every Saturday and Sunday at 09:00"),
        ("0 9 * * 1,3,7", "Every Monday, Wednesday and Sunday at 09:00"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/15 9-17 * * 1-5", "Every 15 minutes from 09:00 to 17:45, every weekday"),
        ("* * * * *", "Every minute"),
        ("5 * * * *", "Every hour, 5 minutes past"),
        ("1 */6 * * *", "Every 6 hours, 1 minute past"),
        ("0 9-17 * * MON-FRI", "Every hour from 09:00 to 17:00, every weekday"),
        ("0 9 1,15 * *", "On the 1st and 15th of every month at 09:00"),
        ("0 9 22 * *", "On the 22nd of every month at 09:00"),
        ("0 9 L * *", "On the last day of every month at 09:00"),
        ("0 9 1 JAN,JUL *", "On the 1st of January and July at 09:00"),
        ("0 9 24 12 *", "Every year on 24 December at 09:00"),
        ("0 9 * 6-8 MON", "Every Monday in June, July and August at 09:00"),
        ("5 9-17 * * *", "Every hour from 09:05 to 17:05"),
        ("* 9 * * *", "Every minute from 09:00 to 09:59"),
        ("*/7 * * * *", "*/7 * * * *"),
        ("0 9 13 * FRI", "0 9 13 * FRI"),
        ("0 9 * * MON#1", "0 9 * * MON#1"),
        ("0 9 LW * *", "0 9 LW * *"),
        ("1,2,3 1,2 * * *", "1,2,3 1,2 * * *"),
        ("5 4-8/2 * * *", "5 4-8/2 * * *"),
    ],
)
def test_usual_shapes_are_words_and_others_stand_for_themselves(cron: str, words: str) -> None:
    assert in_words(cron, "Europe/Berlin", None) == f"{words}, Europe/Berlin"


def test_a_moment_is_told_in_its_zone() -> None:
    at = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert in_words(None, "Asia/Kathmandu", at) == "Once, 2 March 2026 at 05:15, Asia/Kathmandu"
