"""Masking: what is personal is hidden by its form or its column, and nothing else is touched."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from refinery.tools.masking import kind_of, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("jane.doe@example.com", "j***@example.com"),
        ("write to jane+tag@mail.example.co.uk today", "write to j***@mail.example.co.uk today"),
        ("jörg.müller@firma.de, o'neil@x.org", "j***@firma.de, o***@x.org"),
        ("<jane@example.com>", "<j***@example.com>"),
        ("+49 151 23456789", "+49 ***89"),
        ("+1 (555) 123-4567", "+1 ***67"),
        ("+15551234567", "+***67"),
        ("+44 20 7946 0958.", "+44 ***58."),
        ("(555) 123-4567", "***67"),
        ("call 555-123-4567 now", "call ***67 now"),
        ("555.123.4567", "***67"),
        ("0151 23456789", "***89"),
        ("020 7946 0958", "***58"),
        ("4111 1111 1111 1111", "***1111"),
        ("4111111111111111", "***1111"),
        ("5500-0000-0000-0004", "***0004"),
        ("378282246310005", "***0005"),
        ("3782 822463 10005", "***0005"),
        ("DE89 3704 0044 0532 0130 00", "DE***3000"),
        ("GB82WEST12345698765432", "GB***5432"),
        ("ssn 078-05-1120", "ssn ***-**-1120"),
    ],
)
def test_what_looks_personal_is_masked_wherever_it_stands(text, masked):
    assert mask(text) == masked
    assert mask({"note": [text]}) == {"note": [masked]}


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-05",
        "2024-01-05 10:00:00",
        "2024-01-05T10:00:00.123456+11:00",
        "2024-01-05 10:00:00 +1000 2024",
        "05/01/2024 23:59",
        "2019-01-01 to 2020-04-30",
        "10,000,000 rows",
        "1,234,567.89",
        "+1234567.89",
        "-73.98570001, 40.74840001",
        "+40.7127-074.0059/",
        "POINT (30.1234567 10.7654321)",
        "0.4111111111111111",
        "4111111111111112",
        "0000000000000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1234567890",
        "order 20240105123456",
        "550e8400-e29b-41d4-a716-446655440000",
        "4f111111-1111-4111-8111-411111111111",
        "5d41402abc4b2a76b9719d911017c592",
        "ISBN 978-3-16-148410-0",
        "DE89370400440532013001",
        "AB12CD34EF56GH78",
        "SKU-100-200-3000",
        "192.168.100.200",
        "v1.2.3-4567",
        "000-12-3456",
        "12-34-5678",
        "SELECT count(*) FROM t WHERE x > 12345678 AND y BETWEEN 100 AND 2000000",
        "name @ home",
        "@handle",
        "user@localhost",
    ],
)
def test_dates_numbers_ids_and_sql_are_left_alone(text):
    assert mask(text) == text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", "email"),
        ("E-Mail", "email"),
        ("customer_email_address", "email"),
        ("PhoneNumber", "phone"),
        ("mobile", "phone"),
        ("MOBILE_NO", "phone"),
        ("home phone", "phone"),
        ("ssn", "id"),
        ("passport_no", "id"),
        ("national_id", "id"),
        ("IBAN", "iban"),
        ("card_number", "card"),
        ("CreditCard", "card"),
        ("bank_account", "account"),
        ("phone_type", None),
        ("email_opt_in", None),
        ("has_phone", None),
        ("telephone_count", None),
        ("microphone", None),
        ("passportal", None),
        ("cardinality", None),
        ("order_id", None),
        ("amount", None),
        ("", None),
    ],
)
def test_columns_are_judged_by_the_words_of_their_names(name, kind):
    assert kind_of(name) == kind


def test_numbers_beside_or_under_a_personal_name_are_masked():
    assert mask({"phone": 2053258100, "age": 2053258100}) == {"phone": "***00", "age": 2053258100}
    assert mask({"column": "mobile", "min": 2053258100.0, "max": "2053258100"}) == {
        "column": "mobile",
        "min": "***00",
        "max": "***00",
    }
    assert mask({"card_number": ["4111-1111-1111-1112", None]}) == {"card_number": ["***1112", None]}
    assert mask({"passport": "C01X00T47", "ssn": 123456789}) == {"passport": "***47", "ssn": "***89"}


def test_counts_and_measures_of_a_personal_column_stay():
    record = {
        "column": "phone_number",
        "kind": "numeric",
        "missing": 12345678,
        "distinct": 98765432,
        "mean": 5551234567.5,
        "fraction": 0.25,
        "top": [{"value": 2053258100, "count": 12345678}],
        "quantiles": {"0.5": 2053258100},
    }
    assert mask(record) == record | {
        "top": [{"value": "***00", "count": 12345678}],
        "quantiles": {"0.5": "***00"},
    }


def test_the_value_of_a_finding_is_a_measure_and_its_examples_are_cells():
    finding = {
        "columns": ["phone"],
        "metric": "duplicate_rows",
        "value": 12345678,
        "threshold": 10000000,
        "message": "12,345,678 rows repeat",
        "evidence": {
            "rows": 12345678,
            "query": "SELECT phone FROM dataset",
            "examples": ["2053258100", {"phone": 2053258101}],
        },
    }
    masked = mask(finding)
    assert masked["evidence"]["examples"] == ["***00", {"phone": "***01"}]
    masked["evidence"]["examples"] = finding["evidence"]["examples"]
    assert masked == finding


def test_rows_given_as_lists_are_masked_by_the_place_of_the_column():
    table = {"columns": ["order", "phone"], "rows": [[12345678, 2053258100], [12345679, None]]}
    assert mask(table) == {"columns": ["order", "phone"], "rows": [[12345678, "***00"], [12345679, None]]}


def test_placeholders_and_words_in_a_personal_column_stay_readable():
    kept = {
        "phone": ["N/A", "unknown", "", "0000000000", "9999999", "12", "2024-01-05"],
        "email": ["none", "missing", "a b c"],
    }
    assert mask(kept) == kept


def test_a_broken_address_in_an_email_column_is_masked_but_still_shows_what_is_broken():
    assert mask({"email": ["jane#example.com", "jane@", "jane.doe@@example.com"]}) == {
        "email": ["j***#example.com", "j***@", "j***@@example.com"]
    }


def test_keys_that_are_values_are_masked_without_losing_one():
    assert mask({"jane@x.org": 1, "joe@x.org": 2, "j***@x.org": 3}) == {
        "j***@x.org": 1,
        "j***@x.org (2)": 2,
        "j***@x.org (3)": 3,
    }
    assert mask({"column": "phone", "top": {"2053258100": 12345678}}) == {"column": "phone", "top": {"***00": 12345678}}


def test_a_text_about_masked_data_hides_what_was_learned_from_it():
    learned: dict[str, str] = {}
    mask({"column": "phone", "min": 2053258100, "max": "205 325 8199"}, learned)
    text = "phone from 2053258100 (2,053,258,100) to 205 325 8199; order 12053258100"
    assert mask(text, learned) == "phone from ***00 (***00) to ***99; order 12053258100"


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.from_regex(r"[a-z.*@+() /x0-9-]{0,40}", fullmatch=True)
    | st.emails()
    | st.from_regex(r"[+(]?[0-9][0-9 ().@/-]{5,20}", fullmatch=True)
)
keys = st.sampled_from(
    ["column", "columns", "phone", "email", "ssn", "card_number", "iban", "value", "metric", "count"]
) | st.text(max_size=20)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=20
)


@settings(max_examples=200, deadline=None)
@given(documents)
@example({"columns": ["phone", "x"], "rows": [["2053258100", "j@x.org"]]})
@example("a@b.com@c.com +1 555 123 4567 4111 1111 1111 1111")
def test_masking_what_is_masked_changes_nothing(document):
    once = mask(document)
    assert mask(once) == once
    json.dumps(once)


@given(st.emails().filter(lambda text: text.isascii() and '"' not in text and "[" not in text))
def test_no_plain_address_gets_through(address):
    local = address.rpartition("@")[0]
    if len(local) > 3 and all(c.isalnum() or c in "._-+" for c in local):
        assert local not in mask({"note": f"from {address} to"})["note"]


@pytest.mark.parametrize(
    "piece", ["a", "a@", "@a.b", "1 ", "+1", "1234-", "AB12 ", "0123 ", "a.@", "+1 22 33 ", "(0", "4111 "]
)
def test_no_text_makes_masking_slow(piece):
    assert _seconds((piece * 100_000)[:200_000] + "@") < 1.0


def _seconds(document) -> float:
    start = time.process_time()
    mask(document)
    return time.process_time() - start


def test_a_rule_about_a_personal_column_stays_a_rule() -> None:
    rule = {"kind": "pattern", "columns": ["email"], "pattern": "^[^@]+@example[.]com$"}
    assert mask(rule) == rule


def test_rows_under_columns_given_as_records_are_masked_by_the_names() -> None:
    result = {
        "columns": [{"name": "phone", "type": "int64"}, {"name": "amount", "type": "int64"}],
        "rows": [[2053258100, 2053258100]],
    }
    assert mask(result)["rows"] == [["***00", 2053258100]]


@pytest.mark.parametrize(
    ("broken", "masked"),
    [
        ("marie.weber1949@@mail.example", "m***@@mail.example"),
        ("carla.petit450mail.example", "c***"),
        ("unknown", "unknown"),
        ("n/a", "n/a"),
    ],
)
def test_a_broken_address_is_masked_in_a_column_of_addresses(broken: str, masked: str) -> None:
    assert mask({"column": "email", "examples": [broken]})["examples"] == [masked]


def test_a_doubled_at_sign_hides_no_address() -> None:
    assert "marie" not in mask("11 have 'marie.weber1949@@mail.example'")
