"""The 2-2-3-1 network with SymPy: the loss as one expression, differentiated by a weight, numbers put in."""

import sys

import sympy as sp

X, T, eta = sp.symbols("X1 X2"), sp.Symbol("T"), sp.Symbol("eta")
numbers = {X[0]: 2, X[1]: 4, T: 0.9, eta: 0.1}
layers = [[[0.01, 0.02], [0.05, 0.08]], [[0.03, 0.04], [0.05, 0.06], [0.07, 0.08]], [[0.09, 0.1, 0.15]]]

senders, names, neuron = X, ["a", "b"], 0
for rows in layers:
    receivers = []
    for row in rows:
        neuron += 1
        weights = sp.symbols([f"W_{name}{neuron}" for name in names])
        numbers |= dict(zip(weights, row, strict=True))
        receivers.append(1 / (1 + sp.exp(-sum(w * y for w, y in zip(weights, senders, strict=True)))))
    senders, names = receivers, [str(neuron - len(rows) + k + 1) for k in range(len(rows))]
E = (T - senders[0]) ** 2 / 2

every = [symbol for symbol in numbers if symbol.name.startswith("W")]
for w in every if "whole" in sys.argv else [sp.Symbol("W_36")]:
    gradient = E.diff(w)
    print(rf"\frac{{\partial E}}{{\partial {sp.latex(w)}}} = {sp.latex(gradient)} = {gradient.subs(numbers):.5g}")
    new = w - eta * gradient
    print(rf"{sp.latex(w)}' = {sp.latex(new)} = {new.subs(numbers):.5g}")
