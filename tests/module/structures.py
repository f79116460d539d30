"""Models of every structure that there is beside plain sequences, with data that fits them."""

from lamella import nn

#: Columns of the input that are indices in models with embeddings, and their numbers of values.
INDICES = {1: 5, 5: 3}
WIDTH, OUTPUTS = 6, 3


class Doubler:
    """A layer in Python."""

    def forward(self, x):
        return 2 * x

    def backward(self, dy):
        return 2 * dy


def embedding():
    return nn.Embedding(list(INDICES.values()), [3, 2], columns=list(INDICES), in_features=WIDTH)


def tied(*middle, bias=True):
    encoder = nn.Linear(6, 4)
    return [encoder, nn.Tanh(), *middle, nn.Tied(encoder, bias=bias)]


def tied_thrice():
    encoder = nn.Linear(6, 4)
    return [
        *[encoder, nn.Tanh(), nn.Tied(encoder), nn.Sigmoid()],
        *[nn.Linear(6, 4), nn.Tied(encoder, bias=False), nn.Linear(6, 4), nn.Tied(encoder)],
    ]


def tied_deep():
    encoder = nn.Linear(5, 4, bias=False)
    return [
        nn.Sequential(nn.Linear(6, 5), nn.Residual(encoder, nn.Tanh(), nn.Tied(encoder))),
        nn.Linear(5, 4),
        nn.Concat(nn.Tied(encoder), nn.Sequential()),
        nn.Linear(9, 3),
    ]


STRUCTURES = {
    "residual": lambda: [nn.Linear(6, 8), nn.Residual(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, 8)), nn.Linear(8, 3)],
    "residual first": lambda: [nn.Residual(nn.Linear(6, 6), nn.Tanh()), nn.Linear(6, 3)],
    "residual last": lambda: [nn.Linear(6, 3), nn.Residual(nn.Tanh(), nn.Linear(3, 3), nn.Sigmoid())],
    "residual of nothing": lambda: [nn.Linear(6, 7), nn.Residual(), nn.Residual(nn.Sequential()), nn.Linear(7, 3)],
    "residual of noise": lambda: [
        *[nn.Residual(nn.GaussianNoise(0.3)), nn.Linear(6, 5), nn.Residual(nn.Dropout(0.3))],
        *[nn.Residual(nn.Residual(nn.GaussianDropout(0.2)), nn.GaussianNoise()), nn.Linear(5, 3)],
    ],
    "residual nested": lambda: [
        nn.Residual(nn.Residual(nn.Linear(6, 6), nn.Residual(nn.Tanh())), nn.Sequential(nn.Residual(nn.Linear(6, 6)))),
        nn.Linear(6, 3),
    ],
    "residual with norm": lambda: [
        nn.Residual(nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6, bias=False), nn.BatchNorm1d(6), nn.Dropout(0.2)),
        nn.Linear(6, 3),
    ],
    "concat": lambda: [
        nn.Linear(6, 7),
        nn.Concat(nn.Sequential(nn.Linear(7, 5), nn.Tanh()), nn.Sequential(), nn.Linear(7, 1), nn.Residual(nn.Tanh())),
        nn.Linear(20, 3),
    ],
    "concat first": lambda: [nn.Concat(nn.Linear(6, 2), nn.Sequential(), nn.Sequential()), nn.Linear(14, 3)],
    "concat last": lambda: [nn.Linear(6, 4), nn.Concat(nn.Linear(4, 1), nn.Sequential(nn.Linear(4, 2), nn.Sigmoid()))],
    "concat of one": lambda: [nn.Concat(nn.Linear(6, 5)), nn.Concat(nn.Sequential()), nn.Linear(5, 3)],
    "concat nested": lambda: [
        nn.Concat(nn.Concat(nn.Tanh(), nn.Linear(6, 2)), nn.Residual(nn.Concat(nn.Linear(6, 4), nn.Linear(6, 2)))),
        nn.Linear(14, 3),
    ],
    "concat of noise": lambda: [
        nn.Linear(6, 5),
        nn.Concat(nn.GaussianNoise(0.2), nn.Dropout(0.4), nn.GaussianDropout(0.2), nn.BatchNorm1d(5)),
        nn.Linear(20, 3),
    ],
    "tied": lambda: [*tied(), nn.Linear(6, 3)],
    "tied without bias": lambda: [*tied(nn.Linear(4, 4), bias=False), nn.Linear(6, 3)],
    "tied thrice": lambda: [*tied_thrice(), nn.Tanh(), nn.Linear(6, 3)],
    "tied deep": tied_deep,
    "embedding": lambda: [embedding(), nn.Linear(9, 3)],
    "embedding in branches": lambda: [
        nn.Concat(
            nn.Sequential(embedding(), nn.Linear(9, 4), nn.Tanh()),
            nn.Embedding(5, 2, columns=[1], in_features=6),
            nn.Sequential(),
        ),
        nn.Linear(17, 3),
    ],
    "embedding of all columns but one": lambda: [nn.Embedding(6, 3, [1, -1], 6), nn.Dropout(0.2), nn.Linear(10, 3)],
    "noise": lambda: [
        *[nn.GaussianNoise(0.3), nn.Linear(6, 7), nn.GaussianNoise(0.1), nn.Tanh(), nn.GaussianDropout(0.3)],
        *[nn.Linear(7, 3), nn.GaussianDropout(0.1), nn.GaussianNoise(0.2)],
    ],
    "classic dropout": lambda: [nn.Linear(6, 9), nn.Tanh(), nn.Dropout(0.4, classic=True), nn.Linear(9, 3)],
    "classic dropout first": lambda: [nn.Dropout(0.2, classic=True), nn.Linear(6, 3)],
    "sparsity": lambda: [
        *[nn.Linear(6, 7), nn.Sigmoid(), nn.Sparsity(l1=0.03, kl=0.2, target=0.1), nn.Linear(7, 5), nn.Tanh()],
        *[nn.Sparsity(l1=0.1), nn.Dropout(0.1), nn.Linear(5, 3)],
    ],
    "sparsity in branches": lambda: [
        nn.Concat(nn.Sequential(nn.Linear(6, 4), nn.Sigmoid(), nn.Sparsity(kl=1.0)), nn.Residual(nn.Sparsity(l1=0.1))),
        nn.Linear(10, 3),
    ],
}


def model(name, dtype="float64", seed=3):
    return nn.Sequential(*STRUCTURES[name](), seed=seed, dtype=dtype)


def batch(rng, name, n, dtype="float64"):
    """Features, of which some are indices where the model wants them."""
    x = rng.standard_normal((n, WIDTH)).astype(dtype)
    if "embedding" in name:
        for column, count in INDICES.items():
            x[:, column] = rng.integers(count, size=n)
    return x


def hold_randomness(model):
    """The next training pass draws what the first one drew."""
    for _, module in model.named_modules():
        if module.settings is not None and "step" in module.settings.fields:
            module.settings["step"] = 0.0
