"""The results as a picture: speed of each tool, and peak memory against the size of the export."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.results import Results

_OURS, _OTHERS = "#0a6c74", "#b9b4a7"


def draw(results: Results, path: Path) -> None:
    """Write the picture as PNG.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib as mpl  # noqa: PLC0415 - figures can be had without a picture

    mpl.use("agg")  # no display is needed
    from matplotlib import pyplot as plt  # noqa: PLC0415 - only who draws pays for it

    figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), layout="constrained")
    _draw_speed(left, results, _speed_input(results))
    _draw_memory(right, results)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _speed_input(results: Results) -> str:
    """Where speed is judged; if no one ran there, where most did."""
    counts = {name: sum(bool(results.of(who, name)) for who in results.contenders) for name in results.inputs}
    main = results.roles.get("main", "")
    return main if counts.get(main) else max(counts, key=lambda name: counts[name])


def _draw_speed(axes: Axes, results: Results, on: str) -> None:
    rates = {name: rate for name in results.contenders if (rate := results.rate(name, on))}
    order = sorted(rates, key=lambda name: rates[name].median)
    middles = [rates[name].median for name in order]
    below = [rates[name].median - rates[name].low for name in order]
    above = [rates[name].high - rates[name].median for name in order]
    colors = [_color(results, name) for name in order]
    labels = [results.contenders[name]["label"] for name in order]
    bars = axes.barh(labels, middles, xerr=[below, above], color=colors, error_kw={"linewidth": 1})
    axes.bar_label(bars, fmt="%.0f", padding=4)
    axes.margins(x=0.12)
    axes.set_title(f"MB of XML a second, {on} plain: median, lowest to highest", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_memory(axes: Axes, results: Results) -> None:
    plain = sorted((facts["octets"], name) for name, facts in results.inputs.items() if facts["what"] == "plain")
    for who, contender in results.contenders.items():
        points = [(octets / 1e9, peak.median) for octets, name in plain if (peak := results.peak(who, name))]
        if len(points) > 1:
            ours = contender["ours"]
            axes.plot(*zip(*points, strict=True), marker="o", linewidth=2.5 if ours else 1.2, label=contender["label"])
    if axes.lines:
        axes.legend(fontsize=8, loc="upper right")
    axes.set_xlim(left=0)
    axes.margins(y=0.1)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.4)  # room for the legend
    axes.set_title(f"peak memory, MB ({results.memory} of the process tree), by GB of XML", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _color(results: Results, contender: str) -> str:
    return _OURS if results.contenders[contender]["ours"] else _OTHERS
