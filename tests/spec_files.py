"""The data files that the specs of the tests speak of, made anew for each run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TEXTS = {
    "w.csv": "0.1,0.2,0.3\n",
    "good.csv": "0.1, 0.2\r\n-3e-2,\u22124\n\n",
    "semicolon.csv": "\ufeff0.1;0.2\n0.3;0.4\n",
    "bad.csv": "1,2,nan,1_000\n=1+1,,x,1e999\n",
    "commas.csv": "1,2\n0,5,0,25\n",
    "one_row.csv": "X2,X7\n2,4\n",
    "nameless.csv": "2,4\n",
    "rows.csv": "X1,X2\n0,1\n1,1\n",
}


def make(folder: Path) -> Path:
    """The folder, with the data files in it and a secret outside that a link points to."""
    (folder.parent / "secret.csv").write_text("1,2\n")
    (folder / "link.csv").symlink_to(folder.parent / "secret.csv")
    for name, text in TEXTS.items():
        (folder / name).write_bytes(text.encode())
    np.save(folder / "w.npy", np.array([[0.1, 0.2]], dtype=np.float32))
    np.save(folder / "objects.npy", np.array([[{}, 1]], dtype=object))
    np.savez(folder / "arrays.npz", W1=np.array([[0.1, 0.2]]), b1=np.array([0.3]))
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    (folder / "bomb.npy").write_bytes(head.ljust(127) + b"\n")
    return folder
