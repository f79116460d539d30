"""scikit-learn estimators whose fit trains the same model alone that a population trains."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

import lamella as lm
from ensembles.world import EPOCHS, RATE, network, softmax
from lamella import nn, optim


class TwinClassifier(ClassifierMixin, BaseEstimator):
    """Three classes."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.model_ = network(3, seed=self.random_state)
        train(self.model_, nn.CrossEntropyLoss(), X, y)
        return self

    def predict_proba(self, X):
        return softmax(self.model_.predict(X))

    def predict(self, X):
        return self.classes_[self.model_.predict(X).argmax(axis=1)]


class TwinRegressor(RegressorMixin, BaseEstimator):
    """One number."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.model_ = network(1, seed=self.random_state)
        train(self.model_, nn.MSELoss(), X, y)
        return self

    def predict(self, X):
        return np.float64(self.model_.predict(X)[:, 0])


def train(model, loss, x, y):
    lm.Trainer(model, loss, optim.Adam(model.parameters(), lr=RATE)).fit(x, y, epochs=EPOCHS)
