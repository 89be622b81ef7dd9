"""Films that a release has never seen, placed by what they are like: its item tower without the id part, and without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix

from core.catalogue import Catalogue
from core.errors import BundleCorrupt
from retrieval.content import Vocabulary, content_tokens

_TOWER = "item_tower."


def content_embeddings(weights: Path, catalogue: Catalogue, dim: int, cosine: bool) -> NDArray[np.float32]:
    """Embeddings [n, dim] of a catalogue's films by the towers in `weights`; `cosine` as they were trained.

    Dimensions beyond the trained ones, the spectral channel, are zero: nobody has liked these films yet. Raises BundleCorrupt.
    """
    table, vocabulary = _content_part(weights)
    bags = vocabulary.bags(content_tokens(catalogue))
    sums = csr_matrix((bags.weights, bags.rows, bags.offsets), shape=(len(catalogue), len(vocabulary))) @ table
    if cosine:
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    found = np.zeros((len(catalogue), dim), dtype=np.float32)
    found[:, : table.shape[1]] = sums
    return found


def _content_part(weights: Path) -> tuple[NDArray[np.float32], Vocabulary]:
    """The tokens' embeddings [V, d], and which tokens they are."""
    tensors = {name.partition(_TOWER)[2]: tensor for name, tensor in load_file(weights).items() if _TOWER in name}
    try:
        return tensors["tokens.weight"], Vocabulary(tensors["vocabulary"], tensors["idf"])
    except KeyError as error:
        raise BundleCorrupt(f"{weights} has no item tower: {error} is missing; build a release with this code") from error
