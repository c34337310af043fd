"""Where the files are that a job made."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from ui.components.media import artifact_url

NAMES = ["Trailer – 50%.mp4", "a b.png", "what?.png", "#1.png", "a&b=c.png", "100%41.png", "caf\u00e9.png", "a+b.png"]


@pytest.mark.parametrize("name", NAMES)
def test_an_odd_name_leads_to_the_file_and_nowhere_else(name: str) -> None:
    address = urlsplit(artifact_url(12, name))
    *folder, last = address.path.split("/")
    assert (folder, unquote(last)) == (["", "api", "v1", "jobs", "12", "artifacts"], name)
    assert (address.netloc, address.fragment, parse_qsl(address.query)) == ("", "", [("view", "true")])


def test_a_slash_in_a_name_that_a_result_tells_leads_into_no_folder() -> None:
    path = urlsplit(artifact_url(12, "../../engine")).path
    assert path == "/api/v1/jobs/12/artifacts/..%2F..%2Fengine"


def test_a_download_is_the_same_file_without_being_shown() -> None:
    assert artifact_url(12, "a b.png", view=False) == "/api/v1/jobs/12/artifacts/a%20b.png"
