"""What a Jobs page is asked to show, from its address and back; and the words for it."""

import pytest

from engine.finding import Criteria
from models.states import Status
from models.wanted import Sort
from ui.components.asked import Asked, read_address
from ui.components.chips import chips_of
from ui.components.export import export_address

EVERYTHING = (
    "/app/jobs?type=video&q=blue+whale&status=failed&status=queued&by=Mira&agent=mailer&since=week&until=2026-11-09"
    "&ended=day&needs=approval&cause=Refused&sort=oldest&view=history&page=2"
)


@pytest.mark.parametrize(
    "address",
    [
        "/app/jobs",
        "/app/jobs?type=video",
        "/app/jobs?type=EMAIL_SEND&type=task",
        "/app/jobs?page=2&completed=3",
        EVERYTHING,
    ],
)
def test_an_address_is_read_and_written_back_as_it_was(address: str) -> None:
    asked, faults = read_address(address)
    assert asked.address() == address
    assert faults == ()


def test_every_word_of_an_address_has_its_place() -> None:
    asked, _ = read_address(EVERYTHING)
    assert asked == Asked(
        Criteria(
            q="blue whale",
            types=("video",),
            statuses=(Status.FAILED, Status.QUEUED),
            created_by="Mira",
            agent="mailer",
            since="week",
            until="2026-11-09",
            ended="day",
            needs="approval",
            cause="Refused",
        ),
        Sort.OLDEST,
        history=True,
        page=2,
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("type=%3Cscript%3E", "'<script>' is no type of jobs"),
        ("status=broken", "'broken' is no status"),
        ("sort=best", "'best' is no order"),
        ("view=moon", "'moon' is no view"),
        ("needs=money", "needs must be approval or answer"),
        ("since=yesterday", "since must be hour, day"),
        (f"q={'x' * 201}", "q must have at most 200 characters, not 201"),
    ],
)
def test_a_value_that_is_none_is_left_out_and_told(query: str, said: str) -> None:
    asked, faults = read_address(f"/app/jobs?{query}&by=Mira")
    assert asked == Asked(Criteria(created_by="Mira"))
    assert len(faults) == 1
    assert said in faults[0]


@pytest.mark.parametrize("number", ["0", "-3", "x", "1" * 12, "³"])
def test_a_page_that_cannot_be_is_the_first(number: str) -> None:
    asked, faults = read_address(f"/app/jobs?page={number}&completed={number}")
    assert (asked.page, asked.completed, faults) == (1, 1, ())


@pytest.mark.parametrize(
    ("query", "regions"),
    [
        ("", ("active", "completed")),
        ("q=whale", ("active", "completed")),
        ("status=failed", ("active",)),
        ("status=completed", ("completed",)),
        ("status=paused&status=completed", ("active", "completed")),
        ("status=cancelled", ("history",)),
        ("needs=approval", ("active",)),
        ("cause=Refused", ("active",)),
        ("view=history", ("history",)),
    ],
)
def test_only_lists_that_can_hold_what_is_asked_for_are_shown(query: str, regions: tuple[str, ...]) -> None:
    asked, _ = read_address(f"/app/jobs?{query}")
    assert asked.regions == regions


def test_a_list_asks_for_what_of_the_filter_it_can_hold() -> None:
    asked, _ = read_address("/app/jobs?status=failed&status=completed&q=whale")
    assert asked.criteria_of("active").statuses == (Status.FAILED,)
    assert asked.criteria_of("completed").statuses == (Status.COMPLETED,)
    assert asked.criteria_of("active").q == "whale"


def test_chips_say_what_holds_and_each_knows_what_is_left_without_it() -> None:
    asked, _ = read_address(EVERYTHING.replace("type=video", "type=EMAIL_SEND"))
    chips = chips_of(asked, {"EMAIL_SEND": "Send email", "mailer": "Mailer"})
    assert [chip.text for chip in chips] == [
        "“blue whale”",
        "Type: Send email",
        "Failed",
        "Queued",
        "By Mira",
        "Agent: Mailer",
        "Created in the last 7 days until 8 Nov 2026",
        "Ended in the last day",
        "Needs approval",
        "Failed: Refused",
    ]
    assert chips[0].rest == Criteria(**{**vars(asked.criteria), "q": ""})
    assert chips[3].rest.statuses == (Status.FAILED,)
    assert (chips[6].rest.since, chips[6].rest.until) == ("", "")


def test_a_category_is_told_by_its_pill_and_not_by_a_chip() -> None:
    asked, _ = read_address("/app/jobs?type=video")
    assert (asked.category, chips_of(asked, {})) == ("video", [])


def test_without_what_only_the_history_has_the_current_jobs_are_shown() -> None:
    asked, _ = read_address("/app/jobs?status=cancelled&status=failed")
    assert asked.without_cancelled().regions == ("active",)


def test_a_file_is_loaded_with_the_same_filter() -> None:
    asked, _ = read_address("/app/jobs?q=whale&status=failed&status=queued&by=Mira")
    address = export_address("csv", asked.criteria)
    assert address == "/api/v1/jobs/export?form=csv&q=whale&status=failed%2Cqueued&created_by=Mira"
