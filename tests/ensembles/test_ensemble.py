"""Models that predict together without a population."""

import copy
import json
import pickle

import numpy as np
import pytest

import lamella as lm
from ensembles.world import N, data, network, population, softmax, trained
from lamella import nn
from loss_cases import CASES

SCORES = {"loss", "accuracy"}


def ensembles():
    """Each way to combine."""
    xv, yv, *_ = data(60, 1)
    pop = trained(4)
    return {
        "mean": pop.ensemble(),
        "weights": pop.ensemble(weights=[1, 0, 2.5, 1 / 3]),
        "vote": pop.ensemble(combine="vote"),
        "stack": pop.stack(xv, yv),
        "groups": pop.stack(xv, yv, groups=["a", "b", "a", "b"]),
        "convex": pop.stack(xv, yv, kind="convex"),
    }


@pytest.fixture(scope="module", params=["mean", "weights", "vote", "stack", "groups", "convex"])
def ensemble(request):
    return ensembles()[request.param]


def test_it_is_the_populations_prediction():
    pop = trained(5)
    x, y, *_ = data(50, 1)
    weights = [1, 2, 1]
    for combine in ("mean", "vote"):
        own = pop.ensemble([4, 1, 3], combine, weights)
        np.testing.assert_array_equal(own.predict(x), pop.predict(x, combine, models=[4, 1, 3], weights=weights))
        np.testing.assert_array_equal(own.outputs(x), pop.outputs(x, models=[4, 1, 3]))
        np.testing.assert_array_equal(own.weights, [1, 2, 1])
        assert own.combine == combine
    before = own.predict(x)
    pop.fit(x, y, epochs=2)  # they are copies
    np.testing.assert_array_equal(own.predict(x), before)


def test_decisions_and_scores(ensemble):
    x, y, *_ = data(80, 2)
    weight = np.random.default_rng(0).uniform(0, 2, 80)
    said, decided = ensemble.predict(x), ensemble.decide(x)
    voted = ensemble.combine == "vote"
    np.testing.assert_array_equal(decided, said if voted else said.argmax(axis=1))
    assert decided.shape == (80,)
    found, weighted = ensemble.evaluate(x, y), ensemble.evaluate(x, y, weight)
    assert set(found) == (SCORES - {"loss"} if voted else SCORES)
    assert found["accuracy"] == pytest.approx(np.mean(decided == y), rel=1e-6)
    assert weighted["accuracy"] == pytest.approx(np.average(decided == y, weights=weight), rel=1e-6)
    if not voted:
        np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)
        entropy = -np.log(said[np.arange(80), y])
        assert found["loss"] == pytest.approx(entropy.mean(), rel=1e-5)
        assert weighted["loss"] == pytest.approx(np.average(entropy, weights=weight), rel=1e-5)


def test_files_pickles_and_copies_predict_the_same_bits(ensemble, tmp_path):
    x = data(80, 2)[0]
    path = tmp_path / "ensemble.safetensors"
    ensemble.save(path, {"columns": ["a", "b"]})
    loaded = lm.Ensemble.load(path)
    assert repr(loaded) == repr(ensemble)
    assert [repr(loss) for loss in loaded.losses] == [repr(loss) for loss in ensemble.losses]
    assert lm.load_metadata(path) == {"columns": ["a", "b"]}
    for other in (loaded, pickle.loads(pickle.dumps(ensemble)), copy.deepcopy(ensemble)):
        np.testing.assert_array_equal(other.predict(x), ensemble.predict(x), strict=True)
        np.testing.assert_array_equal(other.decide(x), ensemble.decide(x), strict=True)
        np.testing.assert_array_equal(other.weights, ensemble.weights, strict=True)
    again = tmp_path / "again.safetensors"
    loaded.save(again, {"columns": ["a", "b"]})
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_every_loss_goes_into_a_file(name, tmp_path, rng):
    case = CASES[name]
    loss = case.make(4)
    width = case.outputs_width(4)
    models = [nn.Sequential(nn.Linear(5, width), seed=k, dtype="float64") for k in range(3)]
    own = lm.Ensemble(models, loss)
    own.save(tmp_path / "e", None)
    loaded = lm.Ensemble.load(tmp_path / "e")
    assert repr(loaded.losses) == repr(own.losses)
    x, y = data(20)[0], case.draw_targets(rng, 20, 4, "float64")
    np.testing.assert_equal(loaded.evaluate(x, y), own.evaluate(x, y))


@pytest.mark.parametrize("name", CASES)
def test_one_models_ensemble_is_that_model(name, rng, dtype):
    """Probabilities backwards: what a mean of one says has the loss and score of the model."""
    case = CASES[name]
    loss, width = case.make(4), case.outputs_width(4)
    layers = [] if case.outputs == "values" else [nn.LogSoftmax() if case.outputs.startswith("log") else nn.Softplus()]
    model = nn.Sequential(nn.Linear(5, width), *layers, seed=3, dtype=dtype.name)
    x, y = data(33)[0], case.draw_targets(rng, 33, 4, dtype)
    z = model.predict(x)
    expected = loss.evaluate(z, loss.targets(y, 33, width, dtype, "test"))
    own = lm.Ensemble([model], loss)
    found = own.evaluate(x, y)
    scale = 1e-5 if dtype == "float32" else 1e-12  # of the logarithm of a rounded probability
    np.testing.assert_allclose([found["loss"], found[loss.score_name]], expected, rtol=scale, atol=scale)
    np.testing.assert_allclose(own.decide(x), loss.decide(z), rtol=scale)


def test_probabilities_of_0_and_1_have_finite_logits(dtype):
    for loss in (nn.CrossEntropyLoss(), nn.NLLLoss(), nn.FocalLoss(), nn.KLDivLoss(), nn.BCEWithLogitsLoss()):
        p = np.array([[0.0, 1.0], [1.0, 0.0], [1e-30, 1.0], [0.75, 0.25]], dtype)
        z = loss.outputs_of(p)
        assert np.isfinite(z).all()
        assert z.dtype == dtype
        np.testing.assert_allclose(loss.probabilities(z), p, atol=1e-7)


def test_models_trained_alone_and_layers_in_python(tmp_path):
    class Double:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    models = [nn.Sequential(Double(), nn.Linear(5, 3), seed=1), network(seed=2), network(seed=3, dtype="float64")]
    own = lm.Ensemble(models, [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(label_smoothing=0.1), nn.FocalLoss()])
    x = data(20)[0]
    np.testing.assert_allclose(own.predict(x), np.mean([softmax(m.predict(x)) for m in models], axis=0), atol=1e-6)
    assert own[1] is models[1]
    assert list(own) == models
    own.save(tmp_path / "e")
    with pytest.raises(ValueError, match="layer in Python, Double"):
        lm.Ensemble.load(tmp_path / "e")
    loaded = lm.Ensemble.load(tmp_path / "e", layers={"Double": Double})
    np.testing.assert_array_equal(loaded.predict(x), own.predict(x))


def test_the_same_model_twice_and_threads(restore_threads):
    model = network(seed=0)
    x = data(500)[0]
    own = lm.Ensemble([model] * 6 + [network(seed=k) for k in range(9)], nn.CrossEntropyLoss())
    lm.set_num_threads(1)
    one = own.predict(x)
    lm.set_num_threads(4)
    np.testing.assert_array_equal(own.predict(x), one)


def test_arguments_that_make_no_sense():
    ce, model = nn.CrossEntropyLoss(), network()
    with pytest.raises(ValueError, match=r"\[Ensemble\] models is empty"):
        lm.Ensemble([], ce)
    with pytest.raises(TypeError, match="models has 3 but must be a Module"):
        lm.Ensemble([model, 3], ce)
    with pytest.raises(TypeError, match="loss has 'ce' but must be a Loss"):
        lm.Ensemble([model], ["ce"])
    with pytest.raises(ValueError, match="loss has 1 losses but there are 2 models"):
        lm.Ensemble([model, model], [ce])
    with pytest.raises(ValueError, match="combine is 'max' but must be"):
        lm.Ensemble([model], ce, "max")
    with pytest.raises(ValueError, match=r"weights has shape \(2,\)"):
        lm.Ensemble([model], ce, weights=[1, 2])
    stack = trained(2).stack(*data(30, 1)[:2]).combine
    with pytest.raises(ValueError, match="weights are given but combine is a LinearStack"):
        lm.Ensemble([model] * 2, ce, stack, weights=[1, 2])
    with pytest.raises(ValueError, match="combine is of 2 models, not 3"):
        lm.Ensemble([model] * 3, ce, stack)
    with pytest.raises(ValueError, match=r"different numbers of outputs: \[2, 3\]"):
        lm.Ensemble([network(2), network(3)], ce).predict(data(3)[0])
    with pytest.raises(ValueError, match="x has 4 features but the model expects 5"):
        lm.Ensemble([model], ce).predict(data(3)[0][:, :4])
    with pytest.raises(TypeError, match=r"batch_size is 2\.5"):
        lm.Ensemble([model], ce).predict(data(3)[0], batch_size=2.5)
    with pytest.raises(ValueError, match=r"\[Population.ensemble\] models is empty"):
        population().ensemble(models=[])


def test_files_that_make_no_sense(tmp_path):
    class Own(nn.MSELoss):
        pass

    path = tmp_path / "e"
    own = trained(2).ensemble()
    with pytest.raises(TypeError, match=r"\[Ensemble.save\] loss Own\(.*\) is not one of lamella's"):
        lm.Ensemble([network()], Own()).save(path)
    with pytest.raises(TypeError, match=r"\[Ensemble.save\] metadata"):
        own.save(path, metadata={"a": {1, 2}})
    assert not path.exists()
    with pytest.raises(FileNotFoundError, match=r"\[Ensemble.load\] there is no file"):
        lm.Ensemble.load(path)
    lm.save(network(), path)
    with pytest.raises(ValueError, match=r"was not written by Ensemble.save \(format 'lamella-model-1'\)"):
        lm.Ensemble.load(path)
    own.save(path)
    with pytest.raises(ValueError, match=r"\[load\].*was not written by lamella.save"):
        lm.load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="damaged"):
        lm.Ensemble.load(path)
    for old, new in ((b"CrossEntropyLoss", b"CrossEntropyLuss"), (b'\\"members\\"', b'\\"nembers\\"')):
        assert whole.count(old) >= 1
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(ValueError, match=r"does not know|damaged"):
            lm.Ensemble.load(path)
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    assert header["0.0.weight"]["shape"] == [8, 5]
    assert N > 0
