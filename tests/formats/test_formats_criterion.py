"""A profile's condition in SQL: what it may say, and that nothing else can be reached from it (CAT-2)."""

from __future__ import annotations

import re
import time
from contextlib import chdir, suppress
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from passerelle.formats.criterion import LONGEST, Criterion
from passerelle.formats.errors import CriterionError
from passerelle.formats.reader import read
from passerelle.formats.registry import formats

CATALOGUE = formats().get("ebp/catalogue")
HEADER = "Code article;Libellé;PRICE;xx_couleur;Publié sur le web;Stock réel;sysModifiedDate"
ROWS = ("EM1;Bol;12,5;rouge;1;3;01/02/2026 10:00:00", "EM2;Té;9;bleu;0;;", "X' OR 1=1;" + "a" * 200 + ";-1;;;0;")
DATA = "\r\n".join([HEADER, *ROWS, ""]).encode("cp1252")


@pytest.fixture(autouse=True, scope="module")
def elsewhere(tmp_path_factory):
    """Run in an empty folder, where a file would be seen."""
    with chdir(tmp_path_factory.mktemp("elsewhere")):
        yield


def holding(text: str, seconds: float = 30) -> list[bool]:
    criterion = Criterion.read(text)
    form = criterion.extended(CATALOGUE)
    table = read(form, DATA, name="articles.csv").table
    return criterion.holds(form, table, seconds=seconds).tolist()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ID LIKE 'EM%' AND PRICE > 10", [True, False, False]),
        ('"Code article" = \'EM2\' OR Item.Id = \'X\'\' OR 1=1\'', [False, True, True]),
        ("xx_couleur IN ('rouge', '')", [True, False, True]),
        ("NOT AllowPublishOnWeb", [False, True, False]),
        ("AllowPublishOnWeb = 1", [True, False, False]),
        ('RealStock IS NULL OR "Stock réel" >= 3', [True, True, False]),
        ("sysModifiedDate >= '2026-02-01'", [True, False, False]),
        ("PRICE * 2 BETWEEN 18 AND 20", [False, True, False]),
        ("LOWER(libelle) NOT LIKE 't%' /* ignored */ -- too", [True, False, True]),
        ("LENGTH(Libellé) = 2 AND SUBSTRING(Id, 1, 2) <> 'X'", [False, True, False]),
        ("COALESCE(RealStock, 7) IN (7)", [False, True, False]),
        ("Caption ILIKE 'TÉ'", [False, True, False]),
        (r"Id LIKE 'EM\_' ESCAPE '\' OR Id LIKE '_M1'", [True, False, False]),
        ("sysModifiedDate BETWEEN DATE '2026-02-01' AND TIMESTAMP '2026-02-01 10:00:00'", [True, False, False]),
        ("CASE WHEN PRICE > 10 THEN LEFT(Id, 2) ELSE 'b' END = 'EM'", [True, False, False]),
        ("CASE xx_couleur WHEN 'bleu' THEN TRUE END OR IF(PRICE < 0, 1, 0) = 1", [False, True, True]),
        ("NULLIF(xx_couleur, '') IS NULL AND ROUND(PRICE, 0) = -1", [False, False, True]),
        ("RealStock > PRICE OR RIGHT(Id, 1) = '2'", [False, True, True]),
        ("RealStock / 0 > 1 OR 1 / (PRICE - 9) > 0", [True, False, False]),
    ],
)  # fmt: skip
def test_cat_2_columns_are_named_by_label_or_sql_name_and_numbers_are_numbers(text, wanted):
    assert holding(text) == wanted


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("PRICE >", "criterion-syntax"),
        ("", "criterion-no-condition"),
        ("ID LIKE 'EM%", "criterion-not-closed"),
        ("(" * 500 + "1=1" + ")" * 500, "criterion-too-long"),
        ("x = '" + "a" * LONGEST + "'", "criterion-too-long"),
        ("x" + "::int" * 390, "criterion-too-long"),
        ("x" + "%7" * 900 + "=1", "criterion-too-long"),
        ("PRICE", "criterion-no-condition"),
        ("'a'", "criterion-no-condition"),
        ("1 + 1", "criterion-no-condition"),
        ("CASE WHEN PRICE > 1 THEN Id END", "criterion-no-condition"),
        ("Id IN 'EM1,EM2'", "criterion-not-allowed"),
        ("Id IS Libellé", "criterion-not-allowed"),
        ("PRICE * 99999999999999999999999999 * 99999999999999 > 1", "criterion-failed"),
    ],
)
def test_cat_2_a_bad_condition_is_told_with_what_is_wrong(text, code):
    with pytest.raises(CriterionError) as error:
        holding(text)
    assert error.value.code == code
    for language in ("fr", "en"):
        assert "{" not in error.value.text(language)
        assert "{" not in error.value.todo(language)
        assert error.value.todo(language)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("Id = 'EM1'\n  AND PRICE > 10,5", "ligne 2, signe 17, à « , »"),
        ("Publié sur le web = 1", "ligne 1, signe 12, à « le »"),
        ("PRICE > 10 AND", "ligne 1, signe 12, à « AND »"),
        ("Id = 'EM1", "ligne 1, signe 6, ne se ferme pas : « 'EM1 »"),
        ("Id = 'EM1'\n OR \"Id = 'x'", "ligne 2, signe 5, ne se ferme pas : « \"Id = 'x' »"),
        ("1=1 /* never", "ligne 1, signe 5, ne se ferme pas : « /* never »"),
    ],
)
def test_cat_2_what_cannot_be_read_is_told_with_its_place(text, place):
    with pytest.raises(CriterionError) as error:
        holding(text)
    assert place in error.value.text("fr")
    assert "sqlglot" not in error.value.text("en")


@pytest.mark.parametrize(
    ("text", "kind", "other", "part"),
    [
        ("Libellé > 3", "text", "3", "Libellé > 3"),
        ("PRICE > 1 AND Id IN ('EM1', 2)", "text", "2", "Id IN ('EM1', 2)"),
        ("Id IS TRUE", "text", "TRUE", "Id IS TRUE"),
        ("PRICE / 'a' = 1", "number", "'a'", "PRICE / 'a'"),
        ("RealStock = '3,5'", "number", "'3,5'", "RealStock = '3,5'"),
        ("SUBSTRING(Id, 'a', 2) = 'b'", "number", "'a'", "SUBSTRING(Id, 'a', 2)"),
        ("sysModifiedDate >= '01/02/2026'", "date", "'01/02/2026'", "sysModifiedDate >= '01/02/2026'"),
        ("sysModifiedDate >= '2026-02-31'", "date", "'2026-02-31'", "sysModifiedDate >= '2026-02-31'"),
        ("xx_couleur > DATE '2026-01-01'", "date", "xx_couleur", "xx_couleur > CAST('2026-01-01' AS DATE)"),
        ("\"Publié sur le web\" = 'Oui'", "truth", "'Oui'", "\"Publié sur le web\" = 'Oui'"),
        ("NOT xx_couleur OR 1=1", "truth", "xx_couleur", "NOT xx_couleur"),
        ("IF(PRICE, 1, 2) = 1", "truth", "PRICE", "CASE WHEN PRICE THEN 1 ELSE 2 END"),
    ],
)
def test_cat_2_what_does_not_go_together_is_named_whatever_the_rows_hold(text, kind, other, part):
    form = Criterion.read(text).extended(CATALOGUE)
    with pytest.raises(CriterionError) as error:
        Criterion.read(text).holds(form, read(form, DATA, name="articles.csv").table[:0])
    assert error.value.code == f"criterion-no-{kind}"
    assert (error.value.parameters["other"], error.value.parameters["part"]) == (other, part)
    assert f"« {other} »" in error.value.text("fr")


NASTY = (
    "COPY (SELECT 1) TO '{file}'",
    "1=1; COPY (SELECT 1) TO '{file}'",
    "ATTACH '{file}' AS x",
    "1=1; ATTACH '{file}'",
    "INSTALL httpfs",
    "LOAD '{file}'",
    "PRAGMA database_list",
    "SET enable_external_access = true",
    "EXPORT DATABASE '{file}'",
    "IMPORT DATABASE '{file}'",
    "CREATE TABLE x AS SELECT 1",
    "DROP VIEW extract",
    "CALL pragma_version()",
    "x IN (SELECT content FROM read_text('/etc/passwd'))",
    "EXISTS (SELECT * FROM read_csv('/etc/passwd'))",
    "x = (SELECT column0 FROM read_csv('/etc/passwd') LIMIT 1)",
    "x = (FROM '/etc/passwd')",
    "x IN (TABLE extract)",
    "x = ANY(SELECT 1)",
    "1=1 UNION SELECT * FROM glob('/*')",
    "1=1 ORDER BY 1",
    "1=1 LIMIT 1",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT * FROM t",
    "x IN (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT n FROM t)",
    "REPEAT('a', 1000000000) = x",
    "LPAD('a', 2000000000, 'b') = x",
    "LENGTH(REPEAT(REPEAT('a', 100000), 100000)) > 1",
    "REGEXP_MATCHES(x, '(a+)+$')",
    "x SIMILAR TO '(a+)+b'",
    "x ~ '(a*)*b'",
    "x REGEXP '(a*)*b'",
    "x GLOB '[a'",
    "getenv('HOME') = 'x'",
    "current_setting('temp_directory') = 'x'",
    "read_blob('/etc/passwd') = x",
    "list_sum(range(1000000000)) > 1",
    "x = [y FOR y IN range(10000000000)]",
    "x = {{'a': 1}}.a",
    "x[1] = 'a'",
    "CAST(x AS JSON) = 'a'",
    "x::BLOB = 'a'",
    "CASE WHEN 1=1 THEN TRUE END",
    "nextval('s') = 1",
    "sum(PRICE) > 1",
    "row_number() OVER () = 1",
    "x = $1",
    "x = ?",
    "x = :a",
    "x = @a",
    "* LIKE 'a'",
    "COLUMNS('.*') = 'a'",
    "x COLLATE NOCASE = 'a'",
    "extract.x.y.z.w = 1; DELETE FROM extract",
    "x = 'a' --\n; DROP TABLE extract",
    "x = U&'\\0041'",
    "x = E'\\x41'",
    "system('id') = 1",
    "exec xp_cmdshell 'id'",
    "1e999999999 = PRICE",
)


@pytest.mark.parametrize("text", NASTY)
def test_cat_2_nothing_else_can_be_reached_from_a_condition(tmp_path, text):
    """Refused, or computed as what it plainly is; no file appears, nothing hangs."""
    home = tmp_path / "written"
    begun = time.monotonic()
    with suppress(CriterionError):
        assert len(holding(text.format(file=home))) == 3
    assert time.monotonic() - begun < 20
    assert list(tmp_path.iterdir()) == []


WORDS = re.findall(
    r"\S+",
    """
    x PRICE Id "Code_article" 'a' '%' 1 -2.5 ( ) , = <> >= AND OR NOT LIKE ILIKE IN BETWEEN IS NULL TRUE + * / % || ; --
    /* */ SELECT FROM extract read_csv COPY TO 'x.csv' LOWER REPEAT CASE WHEN END :: int . [ ] { } $ ? @ LAMBDA -> WITH
    AS ESCAPE CAST INTERVAL DATE UNNEST
    """,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), st.text(max_size=40)))
@example("x LIKE '%a%a%a%a%a%a%a%a%a%b'")
@example("\0")
@example("x = '\ud800'")
def test_cat_2_whatever_is_written_is_a_condition_or_refused(text):
    with suppress(CriterionError):
        assert len(holding(text, seconds=10)) == 3
    assert list(Path.cwd().iterdir()) == []


def test_cat_2_what_is_computed_is_written_anew_with_nothing_of_the_users_names():
    criterion = Criterion.read("\"a\"\"; DROP TABLE extract; --\" = 'b''c' AND LOWER(x) LIKE '%é%'")
    form = criterion.extended(CATALOGUE)
    names = list(criterion.columns())
    assert names == ['a"; DROP TABLE extract; --', "x"]
    table = pd.DataFrame({name: pd.Series(["b'c", "É"], dtype="str") for name in names})
    assert criterion.holds(form, table).tolist() == [False, False]


def test_cat_2_a_condition_that_takes_too_long_is_stopped():
    """Long texts under a pattern of many wildcards, far more than an extract has."""
    criterion = Criterion.read(" OR ".join(f"LOWER(UPPER(LOWER(x))) LIKE '%{letter}_%z'" for letter in "abcdefghij"))
    table = pd.DataFrame({"x": pd.Series(["abcdefghij" * 5000] * 6000, dtype="str")})
    begun = time.monotonic()
    with pytest.raises(CriterionError) as error:
        criterion.holds(criterion.extended(CATALOGUE), table, seconds=0.2)
    assert error.value.code == "criterion-too-slow"
    assert time.monotonic() - begun < 15
