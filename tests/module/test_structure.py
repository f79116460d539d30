"""The structure of models: sequences, slices, names, parameters, what they show, and changes afterwards."""

import numpy as np
import pytest

import lamella as lm
from lamella import nn, optim
from module.networks import assert_same_state, data, network, plain

# Structure.


def test_sequential_is_a_sequence():
    layers = [nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers)
    assert len(model) == 3
    assert list(model) == layers
    assert model[0] is layers[0]
    assert model[-1] is layers[2]
    with pytest.raises(IndexError):
        model[3]
    with pytest.raises(TypeError):
        model["0"]


def test_a_slice_shares_weights():
    model = plain()
    x, _ = data(6, 5)
    encoder, head = model[:2], model[2:]
    assert isinstance(encoder, nn.Sequential)
    np.testing.assert_array_equal(head(encoder(x)), model(x))
    head[0].bias.data[...] = 7
    np.testing.assert_array_equal(head(encoder(x)), model(x))
    assert (model[2].bias.data == 7).all()


def test_a_slice_trains_the_whole():
    model, x, y = plain(), *data(20, 5, 3)
    before = model.state_dict()
    head = model[2:]
    trainer = lm.Trainer(head, nn.CrossEntropyLoss(), optim.SGD(head.parameters(), lr=0.1))
    trainer.step(model[:2](x), y)
    after = model.state_dict()
    assert [k for k in before if not np.array_equal(before[k], after[k])] == ["2.weight", "2.bias"]


def test_a_slice_has_the_mode_of_the_whole():
    assert not network().eval()[2:4].training
    x = np.ones((3, 33), np.float32)
    np.testing.assert_array_equal(network().eval()[3:4](x), x)


def test_nested_and_flat_are_the_same_network():
    x, _ = data(9, 5)
    nested = nn.Sequential(nn.Sequential(nn.Linear(5, 8), nn.ReLU()), nn.Sequential(nn.Sequential(nn.Linear(8, 3))))
    flat = plain()
    nested.load_state_dict(dict(zip(nested.state_dict(), flat.state_dict().values(), strict=True)))
    assert list(nested.state_dict()) == ["0.0.weight", "0.0.bias", "1.0.0.weight", "1.0.0.bias"]
    np.testing.assert_array_equal(nested(x), flat(x))
    dy = np.ones((9, 3))
    np.testing.assert_array_equal(nested.backward(dy), flat.backward(dy))


def test_parameters_have_names_shapes_and_views():
    model = network()
    shapes = {name: p.shape for name, p in model.named_parameters()}
    assert shapes == {
        "0.weight": (33, 11),
        "0.bias": (33,),
        "1.weight": (33,),
        "1.bias": (33,),
        "4.0.weight": (17, 33),
        "6.weight": (4, 17),
        "6.bias": (4,),
    }
    assert [p.name for p in model.parameters()] == list(shapes)
    assert model.num_parameters == sum(np.prod(shape) for shape in shapes.values())
    for parameter in model.parameters():
        assert parameter.data.shape == parameter.grad.shape == parameter.shape
        assert parameter.size == parameter.data.size


def test_parameter_data_is_the_models_own():
    model = plain().eval()
    x, _ = data(4, 5)
    bias = model.parameters()[3].data
    optim.Adam(model.parameters())  # makes slots: what is there already stays where it is
    before = model(x)
    bias += 1
    np.testing.assert_allclose(model(x), before + 1, rtol=1e-6)
    model[2].weight.data[...] = 0
    assert np.shares_memory(model[2].bias.data, bias)
    np.testing.assert_array_equal(model(x), np.broadcast_to(bias, (4, 3)))


def test_state_dict_is_a_copy():
    model = plain()
    state = model.state_dict()
    state["0.weight"][...] = 0
    assert model.state_dict()["0.weight"].any()
    assert all(value.flags.c_contiguous for value in state.values())


def test_repr_shows_layers_and_parameters():
    assert repr(plain()) == (
        "Sequential(\n"
        "  (0): Linear(in_features=5, out_features=8, bias=True)\n"
        "  (1): ReLU()\n"
        "  (2): Linear(in_features=8, out_features=3, bias=True)\n"
        ")  # 75 parameters"
    )
    assert repr(nn.Sequential()) == "Sequential()"
    nested = repr(nn.Sequential(nn.Sequential(nn.Linear(1, 1, bias=False), nn.Dropout(0.25))))
    assert "    (0): Linear(in_features=1, out_features=1, bias=False)\n" in nested
    assert "Dropout(p=0.25)" in nested
    assert nested.endswith(")  # 1 parameter")
    assert "BatchNorm1d(num_features=3, eps=1e-05, momentum=0.1, affine=True)" in repr(nn.BatchNorm1d(3))


def test_summary_has_a_line_a_layer_and_the_total():
    lines = network().summary().splitlines()
    assert len(lines) == 2 + 9 + 2
    assert [line.split()[0] for line in lines[2:-2]] == ["0", "1", "2", "3", "4.0", "4.1", "4.2", "5", "6"]
    assert "(n, 33)" in lines[2]
    assert lines[2].endswith(" 396")
    assert lines[4].endswith(" -")
    assert lines[-1].startswith(f"{network().num_parameters:,} parameters")
    assert "(n, ?)" in nn.Sequential(nn.ReLU()).summary()


# What is changed afterwards takes effect, or is refused; it is never ignored.


@pytest.mark.parametrize(("name", "value"), [("momentum", 0.5), ("momentum", None), ("eps", 0.1)])
def test_a_norms_settings(name, value):
    x = 3 * data()[0] + 1
    changed, made = nn.BatchNorm1d(11), nn.BatchNorm1d(11, **{name: value})
    changed(x)
    made(x)
    made.load_state_dict(changed.state_dict())
    try:
        setattr(changed, name, value)
    except AttributeError:
        return
    np.testing.assert_array_equal(changed(x), made(x))
    assert_same_state(changed, made)


def test_the_list_of_layers():
    model, x = plain(), data(4, 5)[0]
    y = model(x)
    try:
        model.layers.append(nn.Sigmoid())
    except AttributeError:  # of a tuple
        return
    np.testing.assert_allclose(model(x), 1 / (1 + np.exp(-y)), rtol=1e-5)
