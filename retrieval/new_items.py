"""Embeds films that a release has never seen from their content: its item tower without the id part, and without torch."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from retrieval.content import ContentTokens, Vocabulary, content_tokens

_TOWER, _TABLE = "item_tower.", "tokens.weight"


def content_embeddings(weights: Path, catalogue: Catalogue, dim: int, cosine: bool) -> NDArray[np.float32]:
    """Embeddings [n, dim] of a catalogue's films by the towers in `weights`; `cosine` tells whether they were trained with it.

    The dimensions of the spectral channel are zero, because nobody has liked these films yet. Raises BundleCorrupt.
    """
    tokens = content_tokens(catalogue)
    parts = [_embedded(*part, tokens, cosine) for part in _content_parts(weights)]
    found = np.zeros((len(catalogue), dim), dtype=np.float32)
    trained = np.concatenate(parts, axis=1)
    found[:, : trained.shape[1]] = trained
    return found


def _embedded(table: NDArray[np.float32], vocabulary: Vocabulary, tokens: ContentTokens, cosine: bool) -> NDArray[np.float32]:
    bags = vocabulary.bags(tokens)
    sums = csr_matrix((bags.weights, bags.rows, bags.offsets), shape=(len(tokens), len(vocabulary))) @ table
    if cosine:
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    return np.asarray(sums, dtype=np.float32)


def _content_parts(weights: Path) -> list[tuple[NDArray[np.float32], Vocabulary]]:
    """For each tower, in order: the token embeddings [V, d] and their tokens."""
    tensors = load_file(weights)
    towers = sorted(name.removesuffix(_TABLE) for name in tensors if name.endswith(_TOWER + _TABLE))
    try:
        return [
            (tensors[tower + _TABLE], Vocabulary(tensors[tower + "vocabulary"], tensors[tower + "idf"])) for tower in towers
        ] or _refuse(weights, _TOWER + _TABLE)
    except KeyError as error:
        return _refuse(weights, str(error))


def _refuse(weights: Path, missing: str) -> NoReturn:
    raise BundleCorrupt(f"{weights} has no item tower: {missing} is missing; build a release with this code")
