"""What is sealed can be read with the same secret key only."""

import pytest

from engine.errors import PermanentError
from engine.vault import Vault

SECRET = {"access_token": "geheim", "ü": "ö"}


def test_what_was_sealed_opens_with_the_same_key() -> None:
    assert Vault("key").open(Vault("key").seal(SECRET)) == SECRET


def test_nothing_of_it_can_be_read_from_the_outside() -> None:
    assert "geheim" not in Vault("key").seal(SECRET)


def test_sealing_twice_gives_two_texts() -> None:
    """Equal credentials cannot be told by comparing."""
    assert Vault("key").seal(SECRET) != Vault("key").seal(SECRET)


def test_another_key_says_what_to_do() -> None:
    with pytest.raises(PermanentError, match="JOB_RUNNER_SECRET_KEY; set the former key, or connect the channel again"):
        Vault("another key").open(Vault("key").seal(SECRET))


@pytest.mark.parametrize("sealed", ["", "nonsense", "gAAAAA"])
def test_damaged_text_is_refused(sealed: str) -> None:
    with pytest.raises(PermanentError):
        Vault("key").open(sealed)


def test_changing_one_letter_is_noticed() -> None:
    sealed = Vault("key").seal(SECRET)
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    with pytest.raises(PermanentError):
        Vault("key").open(changed)
