"""On which line a setting stands."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from passerelle.profile.positions import key_lines, line_of

TEXT = '''\
# a comment = with an equals sign
name = "demo"

[erp]
kind = "ebp"
batch.folder = 'C:\\x'
text = """
[not a table]
neither = "this"
"""
list = [
  "a",  # first
  "b",
]
[erp.extracts]   # where they are
"articles" = "a.csv"

[[shops]]
name = "one"
source = { place = "file:in", files = ["*.xml"] }
[shops.more]
deep = 1
[[shops]]
name = "two"
[shops.more]
deep = 2
'''


def test_pro_1_finds_the_line_of_every_kind_of_setting():
    lines = key_lines(TEXT)
    assert {key: lines[key] for key in lines if key[0] != "shops"} == {
        ("name",): 2,
        ("erp",): 4,
        ("erp", "kind"): 5,
        ("erp", "batch"): 6,
        ("erp", "batch", "folder"): 6,
        ("erp", "text"): 7,
        ("erp", "list"): 11,
        ("erp", "list", 0): 11,
        ("erp", "list", 1): 11,
        ("erp", "extracts"): 15,
        ("erp", "extracts", "articles"): 16,
    }
    assert lines[("shops", 0)] == 18
    assert lines[("shops", 0, "source", "files", 0)] == 20
    assert lines[("shops", 0, "more", "deep")] == 22
    assert lines[("shops", 1)] == 23
    assert lines[("shops", 1, "name")] == 24
    assert lines[("shops", 1, "more", "deep")] == 26


def test_pro_1_windows_line_ends_change_nothing():
    assert key_lines(TEXT.replace("\n", "\r\n")) == key_lines(TEXT)


def test_pro_1_what_is_missing_stands_at_the_table_around_it():
    lines = key_lines(TEXT)
    assert line_of(lines, ("erp", "extracts", "customers")) == 15
    assert line_of(lines, ("shops", 1, "source", "place")) == 23
    assert line_of(lines, ("delivery",)) == 1


NAMES = st.text("abcdef", min_size=1, max_size=3)
VALUES = st.sampled_from(['"x"', "1", "true", '"""\ny = 1\n[z]\n"""', "[\n1,\n2]", "{ q = 1 }", "'''\n#\n'''"])


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=5), st.booleans())
def test_pro_1_every_line_found_begins_the_setting(tables, repeated):
    text = ""
    for name, values in tables.items():
        text += f"\n# {name} = 1\n" + (f"[[{name}]]\n" if repeated else f"[{name}]\n")
        text += "".join(f"{key} = {value}\n" for key, value in values.items())
    tomllib.loads(text)
    lines, rows = key_lines(text), text.split("\n")
    for name, values in tables.items():
        table = (name, 0) if repeated else (name,)
        assert rows[lines[table] - 1].strip("[]") == name
        for key in values:
            assert rows[lines[(*table, key)] - 1].startswith(f"{key} = ")
