"""The settings on the page repeat the run."""

import html
import json
import re

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from lamella.reporting.code import loss_code, model_code, optimizer_code
from lamella.reporting.digest import digest
from report.world import blobs, classifier, read


def code_on(page):
    found = re.search(r'aria-label="code to repeat the run"><code>(.*?)</code>', page.source, flags=re.S)
    return html.unescape(found.group(1))


@pytest.mark.parametrize("fit", [{}, {"patience": 3, "min_delta": 0.01}, {"shuffle": False, "mixup": 0.2}])
def test_the_code_gives_the_same_bits(tmp_path, fit):
    run = classifier(**fit)
    page = read(lm.report(run.history, run.model, run.data, tmp_path / "r.html", trainer=run.trainer).read_text())
    (x, y), (x_validation, y_validation) = run.data["training"], run.data["validation"]
    again = {"x": x, "y": y, "x_validation": x_validation, "y_validation": y_validation}
    exec(code_on(page), again)
    for key in ("loss", "val_loss", "accuracy"):
        assert again["history"][key] == run.history[key]
    for name, values in run.model.state_dict().items():
        np.testing.assert_array_equal(again["model"].state_dict()[name], values)


def test_the_code_says_weights_of_rows_precision_and_augmentation(tmp_path):
    x, y = blobs(60)
    weight = np.linspace(0.1, 2, 60)
    model = nn.Sequential(nn.Linear(16, 3), seed=0)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()), precision="bf16-emulated")
    history = trainer.fit(x, y, epochs=2, sample_weight=weight)
    path = lm.report(history, model, (x, y, weight), tmp_path / "r.html", trainer=trainer, timing=False)
    again = {"x": x, "y": y, "sample_weight": weight}
    exec(code_on(read(path.read_text())), again)
    assert again["history"]["loss"] == history["loss"]
    np.testing.assert_array_equal(again["model"][0].weight.data, model[0].weight.data)

    history = trainer.fit(x, y, epochs=1, augment=lambda x, rng: 2 * x)
    code = code_on(read(lm.report(history, model, (x, y), path, trainer=trainer, timing=False).read_text()))
    assert (
        "# The last of several calls of fit:\nhistory = trainer.fit(x, y, epochs=1, batch_size=32, augment=...)" in code
    )


def test_the_code_says_whose_weights_were_kept_where_fit_does_not(tmp_path):
    x, y = blobs(60)
    model = nn.Sequential(nn.Linear(16, 3), seed=0)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    history = trainer.fit(x, y, epochs=3)
    history.best_epoch = 1
    code = code_on(read(lm.report(history, model, (x, y), tmp_path / "r.html", trainer=trainer).read_text()))
    assert code.endswith("batch_size=32)\n# What was kept are the weights of epoch 2.")


def test_a_schedule_is_named_and_rates_are_those_of_the_beginning(tmp_path):
    x, y = blobs()
    model = nn.Sequential(nn.Linear(16, 3), seed=1)
    optimizer = optim.SGD(model.parameters(), lr=0.25, momentum=0.9)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optimizer)
    history = trainer.fit(x, y, epochs=3, schedule=optim.ExponentialLR(optimizer, gamma=0.5))
    page = read(lm.report(history, model, (x, y), tmp_path / "r.html", trainer=trainer).read_text())
    assert "optim.SGD(model.parameters(), lr=0.25, momentum=0.9)" in page.text
    assert "ExponentialLR(gamma=0.5)" in page.text


def test_all_settings_are_there_as_json(tmp_path, classified):
    page = read(lm.report(classified.history, classified.model, classified.data, tmp_path / "r.html",
                          trainer=classified.trainer, settings={"table": "a.csv"}).read_text())  # fmt: skip
    text = re.search(r'aria-label="settings"><code>(.*?)</code>', page.source, flags=re.S).group(1)
    found = json.loads(html.unescape(text))
    assert found["given"] == {"table": "a.csv"}
    assert found["model"]["seed"] == 5
    assert [layer["type"] for layer in found["model"]["architecture"]["layers"]][:2] == ["Linear", "BatchNorm1d"]
    assert found["training"]["optimizer"] == "Adam"
    assert found["training"]["fit"]["batch_size"] == 16
    assert found["versions"]["lamella"] == lm.__version__
    assert found["machine"]["instruction set"] == lm._core.isa()
    assert found["machine"]["threads"] == lm.get_num_threads()
    x, y = classified.data["training"]
    assert digest(x, y.astype(np.int32)) in found["data"]["training"]


def test_fingerprints_tell_data_apart():
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = {digest(x), digest(x.reshape(3, 2)), digest(x.astype(np.float64)), digest(x + 1), digest(x, x)}
    assert len(found) == 5
    assert digest(np.asfortranarray(x)) == digest(x)


MODELS = [
    nn.Sequential(nn.Linear(3, 4, bias=False), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(4, 2), seed=3),
    nn.Sequential(nn.Residual(nn.Linear(3, 3), nn.ELU(alpha=0.5)), nn.Concat(nn.Linear(3, 2), nn.Sequential())),
    nn.Sequential(nn.Embedding(5, 2, columns=[0], in_features=3), nn.LayerNorm(4), nn.Linear(4, 2), dtype="float64"),
    nn.Linear(3, 2, init="he_normal"),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_code_of_a_model_makes_its_twin(model):
    twin = eval(model_code(model), {"nn": nn})
    assert repr(twin) == repr(model)
    for name, values in model.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], values)


def test_what_cannot_be_said_in_a_line_is_not():
    class Same:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    first = nn.Linear(3, 2)
    assert model_code(nn.Sequential(first, Same())) is None
    assert model_code(nn.Sequential(first, nn.Tied(first))) is None
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    groups = [{"params": model[0].parameters()}, {"params": model[1].parameters(), "lr": 0.1}]
    assert optimizer_code(optim.Adam(groups), [0.1, 0.2]) is None
    assert loss_code(nn.CrossEntropyLoss(weight=np.ones(500))) is None


@pytest.mark.parametrize("make", [
    lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.3),
    lambda p: optim.Muon(p, momentum=0.8, clip_norm=2.0),
    lambda p: optim.Adafactor(p),
    lambda p: optim.ScheduleFreeAdamW(p, lr=0.02, l1=0.1),
    lambda p: optim.SGD(p, lr=0.5, nesterov=True, momentum=0.5, decay_bias=True),
    lambda p: optim.NAdam(p, betas=(0.8, 0.9)),
])  # fmt: skip
def test_code_of_optimizers(make):
    model = nn.Sequential(nn.Linear(3, 2), seed=0)
    optimizer = make(model.parameters())
    twin = eval(optimizer_code(optimizer, [optimizer.lr]), {"optim": optim, "model": model})
    assert repr(twin) == repr(optimizer)


@pytest.mark.parametrize("loss", [
    nn.CrossEntropyLoss(label_smoothing=0.1), nn.MSELoss(), nn.HuberLoss(delta=2.0), nn.FocalLoss(gamma=1.0),
    nn.CrossEntropyLoss(weight=[1.0, 2.0, 0.5]),
], ids=repr)  # fmt: skip
def test_code_of_losses(loss):
    assert repr(eval(loss_code(loss), {"nn": nn})) == repr(loss)


def test_a_trainer_knows_the_arguments_of_its_last_fit():
    x, y = blobs(60)
    model = nn.Sequential(nn.Linear(16, 3), seed=0)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    assert trainer.fitted is None
    stopping = lm.callbacks.EarlyStopping("loss", patience=7, min_delta=0.5, restore_best=False)
    trainer.fit(x, y, epochs=2, batch_size=20, callbacks=stopping, sampling=lambda epoch, rng: rng.permutation(60))
    wanted = {"epochs": 2, "batch_size": 20, "monitor": "loss", "patience": 7, "min_delta": 0.5, "restore_best": False}
    assert {name: trainer.fitted[name] for name in wanted} == wanted
    assert "lambda" in trainer.fitted["sampling"]
    with pytest.raises(ValueError, match="patience"):
        trainer.fit(x, y, patience=0)
    assert trainer.fitted["epochs"] == 2
