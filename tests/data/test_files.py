"""Sources in files: .npy, Parquet and CSV."""

import gzip
import itertools

import numpy as np
import pytest

import lamella as lm
from lamella import data, nn, optim
from trainer.world import assert_same, everything

rng = np.random.default_rng(0)
N = 1000
X = rng.standard_normal((N, 3))
Y = (X[:, 0] > 0).astype(np.int64)
WEIGHT = rng.random(N)
NAMES = ["age", "height", "shoe"]


def fit(source, y=None, dtype="float64", **options):
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2), seed=0, dtype=dtype)
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.Adam(model.parameters()))
    trainer.fit(source, y, epochs=2, batch_size=16, shuffle=False, **options)
    return everything(trainer)


def rows_of(source, rng=None):
    """(x, y, weight) of all chunks."""
    parts = [tuple(part for part in chunk[:3] if part is not None) for chunk in source.chunks(rng)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


# .npy


def save(folder, name, array, ends=()):
    parts = np.split(array, ends)
    for number, part in enumerate(parts):
        np.save(folder / f"{name}{number}.npy", part)
    return [folder / f"{name}{number}.npy" for number in range(len(parts))]


@pytest.mark.parametrize("dtype", ["float64", "float32", "uint8"])
def test_npy(tmp_path, dtype):
    x = np.clip(X * 40 + 100, 0, 255).astype(dtype)
    (one,) = save(tmp_path, "x", x)
    assert_same(fit(data.npy(one, Y, WEIGHT)), fit(x, Y, sample_weight=WEIGHT))


def test_files_need_not_be_divided_alike(tmp_path):
    xs, ys = save(tmp_path, "x", X, [10, 500]), save(tmp_path, "y", Y, [700])
    source = data.npy(xs, [str(path) for path in ys], block_rows=64)
    assert source.rows == N
    for found, expected in zip(rows_of(source), (X, Y), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert_same(fit(source), fit(X, Y))
    assert_same(fit(data.npy([X[:10], X[10:]], Y)), fit(X, Y))


def test_images_are_rows(tmp_path):
    images = rng.integers(0, 255, (20, 4, 5), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    chunk = next(data.npy(tmp_path / "images.npy").chunks())
    np.testing.assert_array_equal(chunk.x, images.reshape(20, 20))


def test_npy_shuffles_blocks():
    source = data.npy(np.arange(100)[:, None], np.arange(100), block_rows=10)
    x, y = rows_of(source, np.random.default_rng(0))
    np.testing.assert_array_equal(x[:, 0], y)
    blocks = y.reshape(10, 10)
    assert (np.diff(blocks) == 1).all()
    assert blocks[:, 0].tolist() != list(range(0, 100, 10))
    assert sorted(y) == list(range(100))


# Tables.

pyarrow = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
csv = pytest.importorskip("pyarrow.csv")


def table(**more):
    return pyarrow.table({**dict(zip(NAMES, X.T, strict=True)), "label": Y, **more})


def write(path, found):
    if path.suffix == ".parquet":
        pq.write_table(found, path, row_group_size=128)
    else:
        csv.write_csv(found, path)
    return path


@pytest.fixture(params=["parquet", "csv"])
def kind(request):
    return request.param


@pytest.fixture
def write_parts(tmp_path, kind):
    """Writes a table to files, at these rows."""

    def write_all(found, ends=()):
        bounds = [0, *ends, found.num_rows]
        return [
            write(tmp_path / f"part-{number}.{kind}", found.slice(begin, end - begin))
            for number, (begin, end) in enumerate(itertools.pairwise(bounds))
        ]

    return write_all


def make(kind, *arguments, **options):
    return getattr(data, kind)(*arguments, **options)


def test_a_table_is_its_array(kind, write_parts):
    (path,) = write_parts(table(weight=WEIGHT))
    source = make(kind, path, target="label", sample_weight="weight", chunk_rows=100)
    assert source.columns == NAMES
    assert source.rows == (N if kind == "parquet" else None)
    for found, expected in zip(rows_of(source), (X, Y, WEIGHT), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert_same(fit(source), fit(X, Y, sample_weight=WEIGHT))
    model = nn.Sequential(nn.Linear(3, 2), seed=0, dtype="float64")
    trainer = lm.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(model.parameters()))
    assert trainer.evaluate(source) == pytest.approx(trainer.evaluate(X, Y, WEIGHT), rel=1e-12)
    np.testing.assert_array_equal(trainer.predict(make(kind, path, columns=NAMES)), trainer.predict(X))


def test_several_files_and_patterns(kind, write_parts, tmp_path):
    paths = write_parts(table(), [100, 300, 301, 700])
    for given in (paths, [str(path) for path in paths], tmp_path / f"part-*.{kind}"):
        found = rows_of(make(kind, given, target="label"))
        np.testing.assert_array_equal(found[0], X)
        np.testing.assert_array_equal(found[1], Y)
    x, y = rows_of(make(kind, paths, target="label"), np.random.default_rng(1))
    assert not np.array_equal(x, X)
    np.testing.assert_array_equal(np.sort(x, axis=0), np.sort(X, axis=0))
    np.testing.assert_array_equal(y, x[:, 0] > 0)  # rows stay whole


def test_columns_in_another_order_and_several_targets(kind, write_parts):
    (path,) = write_parts(table())
    x, y = rows_of(make(kind, path, columns=["shoe", "age"], target=["height", "age"]))
    np.testing.assert_array_equal(x, X[:, [2, 0]])
    np.testing.assert_array_equal(y, X[:, [1, 0]])


def test_text_is_mapped_or_refused(kind, write_parts):
    towns = np.array(["Bern", "Basel", "Chur"])
    numbers = rng.integers(0, 3, N)
    (path,) = write_parts(table(town=towns[numbers], kind=pyarrow.array(towns[Y]).dictionary_encode()))
    kinds = "string" if kind == "csv" else r"dictionary<.*>"
    with pytest.raises(
        TypeError, match=rf"not numbers: town \(string\), kind \({kinds}\); leave .*mapping=\{{\"town\""
    ):
        make(kind, path, target="label")
    mapping = {"town": {"Bern": 0, "Basel": 1, "Chur": 2}, "kind": {"Bern": 0, "Basel": 1}}
    x, y = rows_of(make(kind, path, target="kind", columns=["town", "age"], mapping=mapping))
    np.testing.assert_array_equal(x[:, 0], numbers)
    np.testing.assert_array_equal(y, Y)
    source = make(kind, path, target="label", columns=["town"], mapping={"town": {"Bern": 0, "Basel": 1}})
    with pytest.raises(ValueError, match=r"town has values that mapping has no number for: 'Chur'"):
        rows_of(source)


def test_missing_values(kind, write_parts):
    age = X[:, 0].tolist()
    age[70] = None
    (path,) = write_parts(pyarrow.table({"age": age, "height": X[:, 1], "shoe": X[:, 2], "label": Y}))
    source = make(kind, path, target="label")
    with pytest.raises(
        ValueError, match=rf"part-0.{kind}\] x has NaN or infinite values in column age \(first at row 70\)"
    ):
        fit(source)


def test_other_types_of_numbers(kind, write_parts):
    found = pyarrow.table(
        {
            "flag": pyarrow.array(Y > 0),
            "small": pyarrow.array(Y.astype(np.int8)),
            "price": pyarrow.array((Y * 3).tolist()).cast(pyarrow.decimal128(30, 2)),
            "label": Y,
        }
    )
    (path,) = write_parts(found)
    x, _ = rows_of(make(kind, path, target="label"))
    np.testing.assert_array_equal(x, np.stack([Y, Y, Y * 3], axis=1))


def test_what_is_not_there(kind, write_parts, tmp_path):
    (path,) = write_parts(table())
    with pytest.raises(ValueError, match=rf"\[lm.data.{kind}\] .* has no column knee, weight; it has age, height"):
        make(kind, path, target="weight", columns=["age", "knee"])
    with pytest.raises(FileNotFoundError, match="there is no file"):
        make(kind, tmp_path / f"none.{kind}", target="label")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        make(kind, tmp_path / f"none-*.{kind}", target="label")
    with pytest.raises(ValueError, match="no columns left"):
        make(kind, path, target=[*NAMES, "label"])
    with pytest.raises(ValueError, match=r"chunk_rows is 0"):
        make(kind, path, chunk_rows=0)


def test_no_parquet_file(tmp_path):
    (tmp_path / "x.parquet").write_text("hello")
    with pytest.raises(ValueError, match=r"x.parquet is no Parquet file"):
        data.parquet(tmp_path / "x.parquet")


def test_csv_values_that_turn_out_to_be_no_numbers(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 500_000 + "1.5,two\n")
    source = data.csv(path, target="b")
    with pytest.raises(ValueError, match=r"x.csv cannot be read: .*'two'"):
        rows_of(source)
    x, _ = next(iter([rows_of(data.csv(path, columns=["a"], target="a"))]))
    assert x[-1, 0] == 1.5  # whole numbers at first


def test_csv_of_another_delimiter_and_packed(tmp_path):
    with gzip.open(tmp_path / "x.csv.gz", "wt") as file:
        file.write("a;b\n1;2\n3;4\n")
    x, y = rows_of(data.csv(tmp_path / "x.csv.gz", target="b", delimiter=";"))
    assert x.tolist() == [[1], [3]]
    assert y.tolist() == [2, 4]


def test_small_types_need_no_doubles(tmp_path):
    write(tmp_path / "x.parquet", pyarrow.table({"a": X[:, 0].astype(np.float32), "b": Y.astype(np.int16), "c": Y}))
    assert next(data.parquet(tmp_path / "x.parquet", target="c").chunks()).x.dtype == np.float32
    assert next(data.parquet(tmp_path / "x.parquet", target="a").chunks()).x.dtype == np.float64
