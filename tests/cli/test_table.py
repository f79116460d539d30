"""Tables as they come: delimiters, line ends, decimal commas and missing values."""

import pytest

import lamella as lm
from cli.tool import QUICK, colours, line, write
from lamella.cli.table import read_table

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


# Reading tables.


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["", "mark"])
def test_delimiters_and_line_ends_are_found_out(tmp_path, delimiter, ends, mark):
    lines = (
        ['"größe, in; cm"', " b ", "c"],
        ["1.5", '"x, ""y""; z|\t"', " "],
        ["", "2", '"two\nlines"'],
        ["3", "4", "é"],
    )
    text = ends.join(delimiter.join(fields) for fields in lines) + ends + ends
    path = tmp_path / "t.csv"
    path.write_bytes(mark + text.encode())
    table = read_table(str(path))
    assert table.columns == {
        "größe, in; cm": ["1.5", "", "3"], "b": ['x, "y"; z|', "2", "4"], "c": ["", "two\nlines", "é"]
    }  # fmt: skip
    assert table.lines == [2, 3, 5]
    assert read_table(str(path), delimiter) == table


def test_decimal_commas(lamella):
    write("t.csv", line().replace(",", ";").replace(".", ","))
    code, _, stderr = lamella("train", "t.csv", "--target", "price")
    assert code == 2
    assert '--decimal ","' in stderr
    code, stdout, _ = lamella("train", "t.csv", "--target", "price", "--decimal", ",", *QUICK)
    assert code == 0
    assert "2 numeric columns; regression" in stdout
    assert lamella("predict", "lamella-out/model.safetensors", "t.csv")[0] == 0  # as it was trained


# Missing values.

GAPS = "a,c,y\n" + "".join(
    f"{'' if i % 10 == 3 else i},{'NA' if i == 5 else 'uv'[i % 2]},{'' if i == 8 else 'pq'[i % 2]}\n" for i in range(60)
)


def test_missing_values_are_reported(lamella):
    code, _, stderr = lamella("train", write("t.csv", GAPS), "--target", "y")
    assert code == 2
    for part in ('"y" (1 row: line 10)', '"a" (6 rows: lines 5, 15, 25, ...)', '"c" (1 row: line 7)', "--missing drop"):
        assert part in stderr


@pytest.mark.parametrize(("policy", "rows", "done"), [
    ("drop", 52, "left out 8 rows"), ("mean", 59, "left out 1 row, filled in the rest")
])  # fmt: skip
def test_missing_values_dropped_or_filled(lamella, policy, rows, done):
    code, stdout, _ = lamella("train", write("t.csv", GAPS), "--target", "y", "--missing", policy, *QUICK)
    assert code == 0
    assert f"t.csv: {rows} rows" in stdout
    assert done in stdout
    assert sum(lm.load_metadata("lamella-out/model.safetensors")["rows"].values()) == rows


def test_a_filled_value_counts_as_the_mean(lamella):
    write("t.csv", GAPS)
    assert lamella("train", "t.csv", "--target", "y", "--missing", "mean", *QUICK)[0] == 0
    mean = lm.load_metadata("lamella-out/model.safetensors")["features"][0]["mean"]
    write("p.csv", f"a,c\n,u\n{mean!r},u\n7,u\n")
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "p.csv")
    first, second, third = stdout.split("\n")[1:4]
    assert code == 0
    assert first == second != third
    assert 'missing values in "a" (1 row: line 2): filled in' in stderr


def test_predict_refuses_missing_values_unless_told(lamella):
    assert lamella("train", write("t.csv", colours()), "--target", "gut?", *QUICK)[0] == 0
    write("p.csv", "Größe in cm,Farbe,noise\n5,grün,\n")
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "p.csv")
    assert (code, stdout) == (2, "")
    assert 'missing values in "noise" (1 row: line 2)' in stderr
    assert lamella("predict", "lamella-out/model.safetensors", "p.csv", "--missing", "mean")[0] == 0
