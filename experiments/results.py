"""metrics.json: final figures by split, and the operating point."""

import json
from typing import Any


def metrics_text(results: dict[str, Any]) -> str:
    """JSON with the splits first and the operating point last; no NaN, which is not JSON."""
    ordered: dict[str, Any] = {
        name: results[name] for name in ("val", "test", "external") if name in results
    }
    ordered["operating_point"] = results["operating_point"]
    return json.dumps(ordered, indent=1, allow_nan=False) + "\n"
