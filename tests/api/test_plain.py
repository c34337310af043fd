"""Pages that are complete without a script."""

from tests.support.server import JobRunner


def test_an_address_where_no_page_is_answers_404_without_a_live_page_being_kept_for_it(runner: JobRunner) -> None:
    answer = runner.http.get("/wp-login.php", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "There is no such page" in answer.text
    assert 'href="/app/jobs"' in answer.text
    assert "client_id" in runner.http.get("/app/jobs").text
    assert "client_id" not in answer.text


def test_programs_that_only_ask_whether_a_page_exists_are_told(runner: JobRunner) -> None:
    assert runner.http.head("/wp-login.php").status_code == 404
