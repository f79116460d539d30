"""``lamella predict``: its outputs are the model's, and what it checks."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest

import lamella as lm
from cli.tool import QUICK, colours, line, numbers_in, start, write
from lamella import nn
from lamella.cli.table import read_table

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")


def test_predicted_classes_are_the_models(lamella):
    write("t.csv", colours())
    assert lamella("train", "t.csv", "--target", "gut?", "--epochs", 8, "--no-picture")[0] == 0
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "t.csv")
    assert code == 0

    metadata = lm.load_metadata("lamella-out/model.safetensors")
    columns = read_table("t.csv").columns
    encoded = []
    for feature in metadata["features"]:
        cells = columns[feature["name"]]
        if feature["kind"] == "numeric":
            encoded.append((np.array(cells, float) - feature["mean"]) / feature["scale"])
        else:
            encoded.extend(np.array(cells) == category for category in feature["categories"])
    logits = lm.load("lamella-out/model.safetensors").predict(np.stack(encoded, axis=1).astype(np.float32))
    rows = list(csv.reader(io.StringIO(stdout)))
    assert rows[0] == ["prediction", "probability_ja", "probability_nein"]
    classes = np.array(metadata["target"]["classes"])
    np.testing.assert_array_equal([row[0] for row in rows[1:]], classes[logits.argmax(axis=1)])
    np.testing.assert_array_equal(
        np.array([row[1:] for row in rows[1:]]).astype(np.float32), nn.CrossEntropyLoss().probabilities(logits)
    )
    accuracy = np.mean(classes[logits.argmax(axis=1)] == np.array(columns["gut?"]))
    assert numbers_in(r'^240 rows with "gut\?": accuracy ([\d.]+)', stderr) == [pytest.approx(accuracy, abs=5e-5)]


def test_predicted_numbers_are_the_models(lamella):
    write("t.csv", line())
    assert lamella("train", "t.csv", "--target", "price", "--epochs", 8, "--no-picture")[0] == 0
    code, stdout, stderr = lamella("predict", "lamella-out/model.safetensors", "t.csv", "-o", "p.csv")
    assert (code, stdout) == (0, "")

    metadata = lm.load_metadata("lamella-out/model.safetensors")
    columns = {name: np.array(cells, float) for name, cells in read_table("t.csv").columns.items()}
    x = np.stack([(columns[f["name"]] - f["mean"]) / f["scale"] for f in metadata["features"]], axis=1)
    outputs = lm.load("lamella-out/model.safetensors").predict(x.astype(np.float32))[:, 0].astype(float)
    expected = outputs * metadata["target"]["scale"] + metadata["target"]["mean"]
    predicted = np.array(read_table("p.csv").columns["prediction"], float)
    np.testing.assert_array_equal(predicted, expected)
    errors = predicted - columns["price"]
    r2 = 1 - (errors**2).sum() / ((columns["price"] - columns["price"].mean()) ** 2).sum()
    rmse = np.sqrt((errors**2).mean())
    assert numbers_in(r"R² (-?[\d.]+), RMSE ([\d.]+)", stderr) == [
        pytest.approx(r2, abs=5e-5), pytest.approx(rmse, rel=1e-5)
    ]  # fmt: skip


def test_columns_may_be_more_and_in_another_order(lamella, model):
    write("p.csv", 'noise;extra;Farbe;Größe in cm\n"1000000";"";grün;4.5\n')
    write("q.csv", "Größe in cm,Farbe,noise\n4.50,grün,1e6\n")
    first, second = lamella("predict", model, "p.csv"), lamella("predict", model, "q.csv")
    assert first == second
    assert first[0] == 0
    assert first[2] == ""


def test_a_category_not_seen_in_training_is_none_of_the_known_ones(lamella, model):
    write("p.csv", "Größe in cm,Farbe,noise\n5,lila,1e6\n5,grün,1e6\n5,gold,1e6\n")
    code, stdout, stderr = lamella("predict", model, "p.csv")
    assert code == 0
    rows = stdout.split("\n")[1:4]
    assert rows[0] == rows[2] != rows[1]
    assert 'column "Farbe": 2 rows have a category not seen in training ("gold", "lila")' in stderr


def test_predict_checks_columns_and_cells(lamella, model):
    write("p.csv", "Größe in cm,x\n1,2\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert (code, stderr) == (2, 'lamella: p.csv lacks columns that the model needs: "Farbe", "noise"\n')
    write("p.csv", "Größe in cm,Farbe,noise\n1,grün,2\nabc,grün,2\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert (code, stderr) == (2, 'lamella: p.csv, line 3, column "Größe in cm": "abc" is not a number\n')


def test_a_score_needs_known_classes(lamella, model):
    write("p.csv", "Größe in cm,Farbe,noise,gut?\n5,grün,1e6,vielleicht\n5,grün,1e6,\n")
    code, _, stderr = lamella("predict", model, "p.csv")
    assert code == 0
    assert '1 row with "gut?": accuracy 0.0000' in stderr
    assert 'classes not seen in training, which count as wrong: "vielleicht"' in stderr


def test_predict_does_not_overwrite_what_it_reads(lamella, model):
    before = Path("t.csv").read_bytes(), Path(model).read_bytes()
    assert lamella("predict", model, "t.csv", "-o", "t.csv")[::2] == (
        2,
        "lamella: --output t.csv is the table itself\n",
    )
    assert lamella("predict", model, "t.csv", "-o", model)[0] == 2
    assert lamella("predict", model, "t.csv", "-o", "no/p.csv")[0] == 2
    assert before == (Path("t.csv").read_bytes(), Path(model).read_bytes())


def test_predict_from_the_shell(tmp_path):
    write(tmp_path / "t.csv", line())
    assert start("train", "t.csv", "--target", "price", *QUICK, cwd=tmp_path).returncode == 0
    done = start("predict", "lamella-out/model.safetensors", "t.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert len(done.stdout.split()) == 201
    assert done.stderr.startswith('200 rows with "price": R² ')


def test_other_model_files_are_refused(lamella):
    lm.save(nn.Sequential(nn.Linear(2, 1)), "other.safetensors", metadata={"made by": "hand"})
    write("t.csv", "a,b\n1,2\n")
    code, _, stderr = lamella("predict", "other.safetensors", "t.csv")
    assert code == 2
    assert "it was not written by lamella train" in stderr
    code, stdout, _ = lamella("info", "other.safetensors")
    assert code == 0
    assert '"made by": "hand"' in stdout
