"""What is wrong with a table or an argument is said in one line."""

from pathlib import Path

import pytest

from cli.tool import start, write

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

GOOD = "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40))


@pytest.mark.parametrize(("table", "options", "message"), [
    ("", (), "t.csv is empty; a header row and rows of data are expected"),
    ("\n \n\n", (), "t.csv is empty"),
    ("a,b,y\n", (), "t.csv has no rows below its header"),
    ("1,2,3\n" + GOOD, (), "t.csv, line 1: a header row with the columns' names is required"),
    ("a,a,y\n" + GOOD, (), 'names must differ, but these come more than once: "a"'),
    (",b,y\n" + GOOD, (), "t.csv, line 1: column 1 of 3 has no name (an index written by pandas?"),
    ("a,,y\n" + GOOD, (), "t.csv, line 1: column 2 of 3 has no name"),
    ("a,b,y\n1,2,3\n4,5\n" + GOOD, (), "t.csv, line 3: 2 fields but the header has 3 (line 1)"),
    ('a,b,y\n1,"2,3\n' + GOOD, (), "in the record that begins at line 2: unexpected end of data"),
    ('a,b,y\n1,"2"x,3\n' + GOOD, (), "in the record that begins at line 2"),
    ("a,b,y\n1,\0,3\n", (), "t.csv is not a text file (it has a zero byte)"),
    ("größe,b,y\n".encode("latin-1") + GOOD.encode(), (), "t.csv, line 1: byte 0xf6 is not UTF-8"),
    (("a,b,y\n" + GOOD).encode("utf-16"), (), "t.csv is UTF-16 text; save it as UTF-8"),
    (b"PK\x03\x04...", (), "t.csv is a spreadsheet or an archive"),
    ("y\n" + "0\n1\n" * 20, (), 'there is no column to learn from beside the target "y"'),
    ("a,b,y\n" + GOOD, ("--ignore", "a", "--ignore", "b"), "there is no column to learn from"),
    ("a,b,y\n" + GOOD, ("--target", "z"), '--target names a column "z" that t.csv does not have; it has "a", "b", "y"'),
    ("alpha,b,y\n" + GOOD, ("--ignore", "alhpa"), 'does not have; did you mean "alpha"?'),
    ("a,b,y\n" + GOOD, ("--ignore", "y"), '--ignore names the target "y"'),
    ("a,b,y\n" + GOOD, ("--ignore", "a", "--categorical", "a"), '--ignore and --categorical both name "a"'),
    ("a,b,y\n1,2,0\n3,4,1\n5,6,0\n", (), "3 usable rows are too few; at least 10 are needed"),
    ("a,b,y\n" + "1,2,yes\n" * 20, (), 'the target "y" has only one class, "yes"; there is nothing to learn'),
    ("a,b,y\n" + "1,2,0.5\n" * 20, (), 'the target "y" has only one value, "0.5"'),
    ("a,b,y\n" + "".join(f"1,2,t{i}\n" for i in range(20)), (), "20 classes in 20 rows, too many to learn"),
    ("a,b,y\n" + GOOD + "1,2,?\n", (), 'missing values in "y" (1 row: line 42)'),
    ("a,b,y\n" + "1,2,\n" * 20, (), 'the target "y" has no values'),
    ("a,b,y\n" + ",2,0\n,3,1\n" * 10, (), 'column "a" has no values at all; leave it out: --ignore a'),
    ("a,b,y\n" + GOOD + "1,abc,0\n", (), 't.csv, line 42, column "b": "abc" is not a number, but 40 of the 41 values'),
    ("a,b,y\n" + GOOD + "1,inf,0\n", (), 't.csv, line 42, column "b": "inf" is not a number'),
    ("a,b,y\n" + GOOD + "1,1_000,0\n", (), 'column "b": "1_000" is not a number'),
    ("a,b,y\n" + GOOD + "1,1e999,0\n", (), 't.csv, line 42, column "b": "1e999" is too large for a number'),
    ("a,b,y\n" + GOOD + "1,2,many\n", (), "or take all as text: --task classification"),
    ("a,b,y\n" + GOOD + "1,2,many\n", ("--task", "regression"), '"many" is not a number, as regression needs'),
    ("a,b,y\n" + "".join(f"n{i},{i},{i % 2}\n" for i in range(300)), (), 'column "a" is text with 300 different'),
    ("a,b,y\n" + "1e308,2,0\n-1e308,3,1\n" * 10, (), 'column "a" reaches from -1e+308 to 1e+308'),
    ("a,b,y\n" + GOOD, ("--batch-size", "1"), "batch normalization needs a --batch-size of at least 2"),
    ("a,b,y\n" + GOOD, ("--validation", "0.5", "--test", "0.5"), "leave no rows to train on"),
    ("a,b,y\n" + GOOD, ("--output", "t.csv"), "--output t.csv: cannot write there"),
])  # fmt: skip
def test_what_is_wrong_with_a_table_is_said_in_one_line(lamella, table, options, message):
    target = () if "--target" in options else ("--target", "y")
    code, stdout, stderr = lamella("train", write("t.csv", table), *target, *options)
    assert code == 2
    assert message in stderr
    assert stderr.startswith("lamella: ")
    assert stderr.count("\n") == 1
    assert stdout == ""
    assert not Path("lamella-out").exists()


@pytest.mark.parametrize(("arguments", "message"), [
    (("train",), "the following arguments are required: DATA"),
    (("train", "t.csv"), 'say which column to predict: --target COLUMN; t.csv has "a", "b", "y"'),
    (("train", "no.csv", "--target", "y"), "no.csv cannot be read: No such file"),
    (("train", "digit"), "no bundled data set of this name: digits, "),
    (("train", "digits", "--target", "x"), "--target is not for"),
    (("train", "digits", "--layers", "64,x"), "'64,x' is not a list of widths such as 128,64 (or none)"),
    (("train", "digits", "--layers", "0"), "'0' is not a list of widths"),
    (("train", "digits", "--activation", "swish"), "invalid choice: 'swish'"),
    (("train", "digits", "--optimizer", "adamax2"), "invalid choice: 'adamax2'"),
    (("train", "digits", "--dropout", "1"), "'1' is not a number in [0, 1)"),
    (("train", "digits", "--lr", "nan"), "'nan' is not a number above 0"),
    (("train", "digits", "--epochs", "0"), "'0' is not a whole number of at least 1"),
    (("train", "digits", "--seed", "-1"), "'-1' is not a whole number in [0, 18446744073709551615]"),
    (("train", "t.csv", "--delimiter", "ab"), "'ab' is not one character"),
    (("fit",), "invalid choice: 'fit'"),
    (("predict", "t.csv"), "the following arguments are required: TABLE"),
    (("predict", "no", "t.csv"), "there is no file no"),
    (("predict", "t.csv", "t.csv"), "t.csv is damaged or no safetensors file"),
    (("info", "t.csv"), "t.csv is damaged or no safetensors file"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")  # fmt: skip
def test_wrong_arguments_are_said_in_one_line(lamella, arguments, message):
    write("t.csv", "a,b,y\n" + GOOD)
    code, stdout, stderr = lamella(*arguments)
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert stderr.count("\n") == 1


def test_errors_from_the_shell_show_no_traceback(tmp_path):
    write(tmp_path / "t.csv", "a,b,y\n" + GOOD + "1,abc,0\n")
    done = start("train", "t.csv", "--target", "y", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert 'line 42, column "b": "abc" is not a number' in done.stderr
