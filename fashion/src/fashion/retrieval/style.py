"""Similar style: as alike in what is said of garments as in how they look.

The similarity of two garments is the mean of the cosine between their embeddings and of the
weighted Jaccard index of their attributes' probabilities p and q,

    sum_a w_a min(p_a, q_a) / sum_a w_a max(p_a, q_a)   in [0, 1],

where w_a = -log of the attribute's rate in the index: to share a rare attribute says more than to
share a common one, and what neither has says nothing. The distance is 1 minus the similarity.
"""

import numpy as np
from numpy.typing import NDArray

MIN_RATE = 1e-4
"""An attribute that is rarer than this weighs no more."""


def attribute_weights(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (A,) weights of attributes with mean probabilities (A,) in the index."""
    return -np.log(np.clip(rates, MIN_RATE, 1))


def style_scores(
    looks: NDArray[np.float32],
    attributes: NDArray[np.float32],
    asked: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the similarity (N,) of garments to a query, higher is more similar.

    Args:
        looks: (N,), cosines between embeddings.
        attributes: (N, A), probabilities in [0, 1].
        asked: (A,), the query's.
        weights: (A,), of `attribute_weights`.
    """
    shared = np.minimum(attributes, asked) @ weights
    either = np.maximum(attributes, asked) @ weights
    agreement = np.divide(shared, either, out=np.zeros(len(looks)), where=either > 0)
    return (looks + agreement) / 2
