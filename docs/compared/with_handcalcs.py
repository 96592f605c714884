"""The 2-2-3-1 network with handcalcs: every line is typed as Python, and rendered with its numbers."""

import sys
from inspect import signature
from math import exp

from handcalcs.decorator import handcalc

given = dict(X_1=2, X_2=4, T=0.9, eta=0.1, W_a1=0.01, W_b1=0.02, W_a2=0.05, W_b2=0.08, W_13=0.03, W_23=0.04)
given |= dict(W_14=0.05, W_24=0.06, W_15=0.07, W_25=0.08, W_36=0.09, W_46=0.1, W_56=0.15)


@handcalc(precision=5)
def one(X_1, X_2, T, eta, W_a1, W_b1, W_a2, W_b2, W_13, W_23, W_14, W_24, W_15, W_25, W_36, W_46, W_56):
    e_1 = W_a1 * X_1 + W_b1 * X_2
    Y_1 = 1 / (1 + exp(-e_1))
    e_2 = W_a2 * X_1 + W_b2 * X_2
    Y_2 = 1 / (1 + exp(-e_2))
    e_3 = W_13 * Y_1 + W_23 * Y_2
    Y_3 = 1 / (1 + exp(-e_3))
    e_4 = W_14 * Y_1 + W_24 * Y_2
    Y_4 = 1 / (1 + exp(-e_4))
    e_5 = W_15 * Y_1 + W_25 * Y_2
    Y_5 = 1 / (1 + exp(-e_5))
    e_6 = W_36 * Y_3 + W_46 * Y_4 + W_56 * Y_5
    Y_6 = 1 / (1 + exp(-e_6))
    E = (T - Y_6) ** 2 / 2
    delta_6 = -(T - Y_6) * Y_6 * (1 - Y_6)
    G_36 = delta_6 * Y_3
    V_36 = W_36 - eta * G_36
    return locals()


# fmt: off
@handcalc(precision=5)
def the_rest(X_1, X_2, eta, Y_1, Y_2, Y_3, Y_4, Y_5, delta_6, W_a1, W_b1, W_a2, W_b2, W_13, W_23, W_14, W_24, W_15, W_25, W_36, W_46, W_56):  # on one line: handcalcs reads the source
    delta_3 = delta_6 * W_36 * Y_3 * (1 - Y_3)
    delta_4 = delta_6 * W_46 * Y_4 * (1 - Y_4)
    delta_5 = delta_6 * W_56 * Y_5 * (1 - Y_5)
    delta_1 = (delta_3 * W_13 + delta_4 * W_14 + delta_5 * W_15) * Y_1 * (1 - Y_1)
    delta_2 = (delta_3 * W_23 + delta_4 * W_24 + delta_5 * W_25) * Y_2 * (1 - Y_2)
    G_46 = delta_6 * Y_4
    V_46 = W_46 - eta * G_46
    G_56 = delta_6 * Y_5
    V_56 = W_56 - eta * G_56
    G_13 = delta_3 * Y_1
    V_13 = W_13 - eta * G_13
    G_23 = delta_3 * Y_2
    V_23 = W_23 - eta * G_23
    G_14 = delta_4 * Y_1
    V_14 = W_14 - eta * G_14
    G_24 = delta_4 * Y_2
    V_24 = W_24 - eta * G_24
    G_15 = delta_5 * Y_1
    V_15 = W_15 - eta * G_15
    G_25 = delta_5 * Y_2
    V_25 = W_25 - eta * G_25
    G_a1 = delta_1 * X_1
    V_a1 = W_a1 - eta * G_a1
    G_b1 = delta_1 * X_2
    V_b1 = W_b1 - eta * G_b1
    G_a2 = delta_2 * X_1
    V_a2 = W_a2 - eta * G_a2
    G_b2 = delta_2 * X_2
    V_b2 = W_b2 - eta * G_b2
    return locals()
# fmt: on


tex, found = one(**given)
print(tex)
if "whole" in sys.argv:
    known = given | found
    print(the_rest(**{name: known[name] for name in signature(the_rest).parameters})[0])
