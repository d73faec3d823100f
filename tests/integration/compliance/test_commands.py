"""verify_journal, create_operator and reset_second_factor, as they are called."""

import io
import os
import pwd
from pathlib import Path

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from compliance.domain.canonical import body_of
from compliance.models import JournalEntry, JournalHead, Operator
from compliance.services import journal, sequencer
from tests.integration.compliance.writing import event, write

pytestmark = pytest.mark.usefixtures("installed_fresh")

COPY = (
    "INSERT INTO compliance_journalentry (event, version, actor, on_behalf_of, object_type, "
    "object_id, trace_id, market_at, recorded_at, payload, leaf) SELECT {} "
    "FROM compliance_journalentry ORDER BY id LIMIT 1"
)
AS_IT_IS = (
    "event, version, actor, on_behalf_of, object_type, object_id, trace_id, market_at, "
    "recorded_at, payload, leaf"
)


def call(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


def forge(find: str, replace: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COPY.format(AS_IT_IS.replace(find, replace)))
    sequencer.catch_up()


def test_a_true_journal(tmp_path: Path) -> None:
    write(event(0), event(1))
    sequencer.catch_up()
    write(event(2))
    file = tmp_path / "journal.json"
    printed = call("verify_journal", "--json", str(file))
    told = orjson.loads(file.read_bytes())
    assert told == {
        "rows": 2,
        "waiting": 1,
        "digest": journal.digest().hex,
        "fault_count": 0,
        "faults": [],
        "holds": True,
    }
    assert told["digest"] in printed


@pytest.mark.parametrize(
    ("find", "replace", "fault"),
    [
        ("payload", "payload || ' '", "does not hash"),
        ("actor", "'another'", "column actor is not what the payload says"),
        ("trace_id", "'T'", "column trace_id"),
        ("market_at", "market_at + interval '1 microsecond'", "column market_at"),
        ("recorded_at", "recorded_at - interval '1 day'", "column recorded_at"),
        (
            "payload, leaf",
            r"convert_to('{}', 'UTF8'), sha256('\x007b7d'::bytea)",
            "the payload cannot be read",
        ),
    ],
)
def test_what_was_tampered_with_is_told(
    tmp_path: Path, find: str, replace: str, fault: str
) -> None:
    write(event(0))
    sequencer.catch_up()
    forge(find, replace)
    file = tmp_path / "journal.json"
    with pytest.raises(CommandError, match="faults"):
        call("verify_journal", "--json", str(file))
    told = orjson.loads(file.read_bytes())
    assert told["holds"] is False
    assert told["digest"] == ""
    assert [each for each in told["faults"] if each.startswith("leaf 1: ") and fault in each]
    assert not [each for each in told["faults"] if each.startswith("leaf 0")]


def test_a_missing_number_is_told() -> None:
    write(event(0))
    sequencer.catch_up()
    JournalHead.objects.update(size=2)
    write(event(1))
    sequencer.catch_up()
    with pytest.raises(CommandError):
        call("verify_journal")


def test_a_body_that_is_not_canonical_is_told(tmp_path: Path) -> None:
    write(event(0))
    sequencer.catch_up()
    spaced = "convert_to(replace(convert_from(payload, 'UTF8'), '\"data\":', '\"data\": '), 'UTF8')"
    forge("payload, leaf", f"{spaced}, sha256('\\x00'::bytea || {spaced})")
    file = tmp_path / "journal.json"
    with pytest.raises(CommandError):
        call("verify_journal", "--json", str(file))
    assert orjson.loads(file.read_bytes())["faults"] == [
        "leaf 1: the body is not in canonical form"
    ]


def test_an_unwritable_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        call("verify_journal", "--json", str(tmp_path / "absent" / "file.json"))


def test_the_first_operator_holds_three_roles_and_later_ones_what_is_named() -> None:
    printed = call("create_operator", "ann", "--name", "Ann A.")
    password = printed.split("password ")[1].split()[0]
    ann = Operator.objects.get(username="ann")
    assert ann.check_password(password)
    assert sorted(ann.groups.values_list("name", flat=True)) == ["admin", "risk", "trader"]
    with pytest.raises(CommandError, match="operator bob: no role given"):
        call("create_operator", "bob")
    call("create_operator", "bob", "--role", "risk", "--role", "risk")
    bob = Operator.objects.get(username="bob")
    assert list(bob.groups.values_list("name", flat=True)) == ["risk"]


def test_a_taken_name_is_one_clear_line() -> None:
    call("create_operator", "ann")
    with pytest.raises(CommandError, match=r"^operator ann exists already$"):
        call("create_operator", "ann")


def _device(username: str) -> Operator:
    operator = Operator.objects.get(username=username)
    TOTPDevice.objects.create(user=operator, name="authenticator", confirmed=True)
    codes = StaticDevice.objects.create(user=operator, name="recovery codes", confirmed=True)
    StaticToken.objects.create(device=codes, token="aaaaaaaaaa")
    return operator


def test_a_reset_at_the_machine_is_journalled_under_its_account() -> None:
    call("create_operator", "ann")
    ann = _device("ann")
    printed = call("reset_second_factor", "ann", "--reason", "out of codes")
    assert "removed 1 devices and 1 recovery codes, ended 0 sessions" in printed
    assert not TOTPDevice.objects.filter(user=ann).exists()
    assert not StaticDevice.objects.filter(user=ann).exists()
    entry = JournalEntry.objects.get(event="operator.second_factor_reset")
    assert entry.actor == f"shell:{pwd.getpwuid(os.getuid()).pw_name}"
    data = orjson.loads(body_of(bytes(entry.payload)))["data"]
    assert (data["username"], data["reason"]) == ("ann", "out of codes")


def test_a_reset_at_the_machine_needs_a_name_and_a_reason() -> None:
    call("create_operator", "ann")
    ann = _device("ann")
    for words, line in (
        (("nobody", "--reason", "x"), r"^there is no operator nobody$"),
        (("ann", "--reason", "  "), r"^a second factor is reset for a stated reason$"),
        (("ann",), r"--reason"),
    ):
        with pytest.raises(CommandError, match=line):
            call("reset_second_factor", *words)
    assert TOTPDevice.objects.filter(user=ann).exists()
    assert not JournalEntry.objects.filter(event="operator.second_factor_reset").exists()
