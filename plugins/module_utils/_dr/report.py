# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to the collection: may change at any time.
"""One run for people, out of its run.json alone, in English or Japanese. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LANGUAGES = ("en", "ja")

TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "head": "{run_id} by {by}: {result}, {started_at} to {ended_at}", "killed": "now, or it was killed", "message": "message", "state": "state",
        "objects": "objects",
        "fence": "word on the other site", "proof": "proof", "statement": "statement", "none": "none", "backup": "backup",
        "backup_of": "{name} of {started_at}", "passed_over": "passed over",
        "point": "point in time", "point_of": "snapshot {snapshot} of {created_at}, on clones; the volumes keep what is newer",
        "rpo_data": "RPO of data", "rpo_objects": "RPO of objects", "rto": "RTO", "seconds": "{value} s", "volume": "volume {name}",
        "lost": "writes after {lost_after} are lost",
        "lost_bytes": "writes after {lost_after} are lost, {bytes} bytes", "step": "step {name}", "begun": "begun {started_at}, its end was not seen",
        "done": "{started_at} to {ended_at}",
        "unchanged": ", nothing to change", "succeeded": "succeeded", "failed": "failed", "refused": "refused", "planned": "planned", "running": "running",
    },
    "ja": {
        "head": "{run_id}（実行者 {by}）: {result}、{started_at} から {ended_at} まで", "killed": "現在、または強制終了",
        "message": "メッセージ", "state": "状態", "objects": "オブジェクト",
        "fence": "相手サイトについての根拠", "proof": "証明（フェンス済み）", "statement": "運用者の宣言", "none": "なし",
        "backup": "バックアップ", "backup_of": "{name}（{started_at} 開始）",
        "passed_over": "採用しなかったもの", "point": "ポイントインタイム",
        "point_of": "Snapshot {snapshot}（{created_at}）をクローンで提供。元のボリュームはより新しいデータを保持",
        "rpo_data": "データの RPO", "rpo_objects": "オブジェクトの RPO", "rto": "RTO",
        "seconds": "{value} 秒", "volume": "ボリューム {name}",
        "lost": "{lost_after} より後の書き込みは失われます",
        "lost_bytes": "{lost_after} より後の書き込み（{bytes} バイト）は失われます", "step": "ステップ {name}",
        "begun": "{started_at} 開始、終了は確認できず", "done": "{started_at} から {ended_at} まで",
        "unchanged": "、変更なし", "succeeded": "成功", "failed": "失敗", "refused": "拒否",
        "planned": "計画のみ（チェックモード）", "running": "実行中",
    },
}
"""The same keys in each language; states, names and times are not translated: they are what the systems and the other commands call them."""


def describe(run: Mapping[str, Any], language: str = "en") -> list[str]:
    """A line per fact; facts that a run does not have are left out."""
    say = TEXTS[language]
    result = str(run.get("result"))
    head = say["head"].format(
        run_id=run["run_id"], by=run.get("by"), result=say.get(result, result), started_at=run.get("started_at"), ended_at=run.get("ended_at") or say["killed"],
    )
    return [head, *(f"  {name}: {text}" for name, text in _facts(run, say) if text)]


def _facts(run: Mapping[str, Any], say: Mapping[str, str]) -> list[tuple[str, str]]:
    rpo, backup, fence, point = run.get("rpo") or {}, run.get("backup") or {}, run.get("fence") or {}, run.get("point") or {}
    states = [state for state in (run.get("state_before") or {}, run.get("state_after") or {}) if state.get("storage")]
    return [
        (say["message"], str(run.get("message") or "")),
        (say["state"], " -> ".join(f"{state['storage']}, {say['objects']} {state.get('objects')}" for state in states)),
        (say["fence"], say.get(str(fence.get("kind") or ""), "")),
        (say["backup"], say["backup_of"].format(**{"started_at": "", **backup}) if backup.get("name") else ""),
        *((say["passed_over"], f"{entry.get('name')}: {entry.get('reason')}") for entry in backup.get("skipped") or ()),
        (say["point"], say["point_of"].format(**{"created_at": "", **point}) if point.get("snapshot") else ""),
        (say["rpo_data"], _seconds(rpo.get("data_seconds"), say)), (say["rpo_objects"], _seconds(rpo.get("objects_seconds"), say)),
        (say["rto"], _seconds(run.get("rto_seconds"), say)),
        *((say["volume"].format(name=volume.get("name")), _lost(volume, say)) for volume in (run.get("loss") or {}).get("volumes") or ()),
        *((say["step"].format(name=step.get("name")), _step(step, say)) for step in run.get("steps") or ()),
    ]


def _seconds(value: Any, say: Mapping[str, str]) -> str:
    return say["seconds"].format(value=value) if value is not None else ""


def _lost(volume: Mapping[str, Any], say: Mapping[str, str]) -> str:
    return say["lost" if volume.get("bytes") is None else "lost_bytes"].format(lost_after=volume.get("lost_after"), bytes=volume.get("bytes"))


def _step(step: Mapping[str, Any], say: Mapping[str, str]) -> str:
    if not step.get("ended_at"):
        return say["begun"].format(started_at=step.get("started_at"))
    return say["done"].format(started_at=step.get("started_at"), ended_at=step.get("ended_at")) + ("" if step.get("changed") else say["unchanged"])
