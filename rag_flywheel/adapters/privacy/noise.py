"""Noise from OpenDP, whose proofs and samplers these are: whole numbers alone, so that no rounding tells anything.

The noise is discrete Laplace noise by an exact sampler over fractions (Canonne, Kamath and Steinke, 2020,
arXiv:2004.00010), of which floating point, as in Mironov (2012), is no part. It comes from the system's own randomness
and cannot be seeded. What a release is said to cost is what OpenDP's privacy map says of the very measurement.
"""

import threading
from collections.abc import Mapping
from typing import Any

from rag_flywheel.ports.privacy import Noise, Noised

FAR = 2**30  # a threshold that nothing passes
_Measured = tuple[float, Any]  # a scale, and the measurement with noise of it


class OpenDpNoise(Noise):
    """The library is loaded for the first release: that takes two seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: Any = None
        self._made: dict[tuple[int, float, float], _Measured] = {}

    def on_known(self, counts: Mapping[str, int], *, per_person: int, epsilon: float) -> Noised:
        with self._lock:
            scale, measurement = self._laplace(per_person, epsilon)
        return Noised(
            counts=dict(zip(counts, measurement([*counts.values()]), strict=True)),
            scale=scale,
            epsilon=measurement.map(per_person),
            delta=0.0,
        )

    def on_unknown(self, counts: Mapping[str, int], *, per_person: int, epsilon: float, delta: float) -> Noised:
        """Cells below a threshold are left out, which leaves `delta` for that one person's cell passes it (Rogers,
        2023, arXiv:2309.09170).
        """
        with self._lock:
            scale, measurement = self._threshold(per_person, epsilon, delta)
        epsilon, delta = measurement.map(_influence(per_person))
        return Noised(counts=measurement(dict(counts)), scale=scale, epsilon=epsilon, delta=delta)

    def _laplace(self, per_person: int, epsilon: float) -> _Measured:
        dp, name = self._library(), (per_person, epsilon, 0.0)
        if name not in self._made:
            space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")

            def made(scale: float) -> Any:
                return dp.m.make_laplace(*space, scale=scale)

            scale = dp.binary_search_param(made, d_in=per_person, d_out=epsilon)
            self._made[name] = scale, made(scale)
        return self._made[name]

    def _threshold(self, per_person: int, epsilon: float, delta: float) -> _Measured:
        dp, name = self._library(), (per_person, epsilon, delta)
        if name not in self._made:
            domain = dp.map_domain(dp.atom_domain(T=str), dp.atom_domain(T="i64"))
            metric = dp.l01inf_distance(dp.absolute_distance(T="i64"))
            influence = _influence(per_person)

            def made(scale: float, threshold: int) -> Any:
                return dp.m.make_laplace_threshold(domain, metric, scale=scale, threshold=threshold)

            scale = dp.binary_search(lambda scale: made(scale, FAR).map(influence)[0] <= epsilon, bounds=(1e-6, 1e6))
            threshold = dp.binary_search(
                lambda threshold: made(scale, threshold).map(influence)[1] <= delta, bounds=(1, FAR)
            )
            self._made[name] = scale, made(scale, threshold)
        return self._made[name]

    def _library(self) -> Any:
        if self._loaded is None:
            import opendp.prelude

            opendp.prelude.enable_features("contrib")
            self._loaded = opendp.prelude
        return self._loaded


def _influence(per_person: int) -> tuple[int, int, int]:
    """Of a person: cells, all that they add, and what they add to one cell."""
    return per_person, per_person, 1
