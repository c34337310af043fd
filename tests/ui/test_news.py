"""What the engine has told, until pages take it."""

import pytest

from engine.events import (
    AccessChanged,
    BudgetsChanged,
    EngineChanged,
    Event,
    JobChanged,
    JobLogged,
    JobProgressed,
    OperationChanged,
)
from models.states import Status
from tests.ui.views import a_job
from ui import news as module
from ui.news import Changed, News


def test_what_changed_is_taken_once() -> None:
    news = News()
    for event in (JobChanged(3), JobChanged(3), JobChanged(4), JobLogged(4, 1, "said"), OperationChanged(9)):
        news.tell(event)
    assert news.changed.is_set()
    assert news.take() == Changed(jobs={3, 4}, logged={4}, operations={9})
    assert news.take() == Changed()


def test_progress_is_news_of_its_own_of_which_the_last_counts() -> None:
    news = News()
    news.tell(JobProgressed(3, 10.0))
    news.tell(JobProgressed(3, 20.0))
    assert (news.version, news.changed.is_set(), news.moved_on.is_set()) == (0, False, True)
    assert news.take_progress() == {3: 20.0}
    assert news.take_progress() == {}


@pytest.mark.parametrize("event", [AccessChanged(), BudgetsChanged(), EngineChanged()])
def test_what_any_page_may_show_makes_all_of_them_read_again(event: Event) -> None:
    news = News()
    news.tell(event)
    assert news.version == 1
    assert news.take().is_stale
    assert news.access_changed.is_set() is isinstance(event, AccessChanged)


def test_a_job_has_moved_when_it_is_new_or_stands_elsewhere() -> None:
    news = News()
    assert news.have_moved([a_job(Status.QUEUED)])
    assert not news.have_moved([a_job(Status.QUEUED, name="Another name")])
    assert news.have_moved([a_job(Status.RUNNING)])
    assert news.have_moved([a_job(Status.RUNNING, outcome="unknown")])


def test_of_jobs_that_moved_only_the_last_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 2)
    news = News()
    assert news.have_moved([a_job(id=each) for each in (1, 2, 3)])
    assert not news.have_moved([a_job(id=3)])
    assert news.have_moved([a_job(id=1)])
