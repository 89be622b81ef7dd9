"""The item tower: an item's identity (its id) plus its content."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.catalogue import Catalogue
from retrieval.bags import WeightedBags, weighted_sums
from retrieval.content import ALWAYS_READ, ContentTokens, Vocabulary, content_tokens


class ItemTower(nn.Module):
    """Rows of the catalogue -> embeddings [m, d].

    An item that training never saw has no id part. In training a random share of the items loses theirs (id dropout, as in
    DropoutNet: Volkovs et al., NeurIPS 2017), so that content alone places an item near similar ones. Its content is the
    weighted sum of its tokens' embeddings (Kula, LightFM, 2015).
    """

    known: Tensor
    vocabulary: Tensor
    idf: Tensor

    def __init__(self, catalogue: Catalogue, known: NDArray[np.bool_], dim: int, id_dropout: float) -> None:
        """`known` [n] says which items have interactions in the training data."""
        super().__init__()
        tokens = content_tokens(catalogue)
        vocabulary = Vocabulary.of(tokens)
        self.id_dropout = id_dropout
        self.ids = nn.Embedding(len(catalogue), dim)
        self.tokens = nn.Embedding(len(vocabulary), dim)
        for weight in (self.ids.weight, self.tokens.weight):
            nn.init.normal_(weight, std=dim**-0.5 / 2)
        with torch.no_grad():  # tokens start at zero, so that one which never occurs in training has no effect
            self.tokens.weight[~torch.from_numpy(_always_read(tokens, vocabulary))] = 0
        self.bags = WeightedBags(vocabulary.bags(tokens), len(vocabulary))
        self.register_buffer("known", torch.from_numpy(known.copy()))
        self.register_buffer("vocabulary", torch.from_numpy(vocabulary.hashes))
        self.register_buffer("idf", torch.from_numpy(vocabulary.idf))

    def forward(self, rows: Tensor) -> Tensor:
        """Catalogue rows [m] -> [m, d]."""
        has_id = self.known[rows]
        if self.training and self.id_dropout:
            has_id = has_id & (torch.rand(rows.shape, device=rows.device) >= self.id_dropout)
        embedding: Tensor = self.content(rows) + self.ids(rows) * has_id.unsqueeze(-1)
        return embedding

    def content(self, rows: Tensor) -> Tensor:
        """The content part of catalogue rows: [m] -> [m, d]."""
        content: Tensor = self.bags(self.tokens.weight, rows)
        return content

    def content_of(self, tokens: ContentTokens) -> Tensor:
        """Embeddings of n items that need not be in the catalogue, from their content: [n, d], without gradient."""
        known = Vocabulary(self.vocabulary.cpu().numpy(), self.idf.cpu().numpy())
        bags = known.bags(tokens)
        rows, weights, offsets = (
            torch.from_numpy(array).to(self.known.device) for array in (bags.rows, bags.weights, bags.offsets)
        )
        return weighted_sums(self.tokens.weight.detach(), rows, weights, offsets)


def _always_read(tokens: ContentTokens, vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which tokens of the vocabulary are genres and years: [V]."""
    return np.isin(vocabulary.hashes, tokens.hashes[np.isin(tokens.fields, ALWAYS_READ)])
