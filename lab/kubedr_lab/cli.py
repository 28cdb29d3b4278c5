# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``kubedr-lab``: argument parsing and output. What the verbs do is in ``shell``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any

from .profile import PROFILES
from .real import binaries
from .settings import ARK_KINDS, IDENTITIES, SITES, TIERS, Settings
from .shell import actions, commands
from .shell.faults import KINDS, Rule
from .state import Folder, LabError

Result = tuple[Any, str]
"""What a verb found, for --json, and the same for people."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, or 1 with one line on stderr."""
    options = build_parser().parse_args(arguments)
    verb: Callable[[Folder, argparse.Namespace], Result] = options.run
    try:
        data, text = verb(Folder(options.state), options)
    except LabError as error:
        print(json.dumps({"error": str(error)}) if options.json else f"kubedr-lab: {error}", file=sys.stderr)
        return 1
    print(json.dumps(data) if options.json else text)
    return 0


def entry() -> None:
    """The console script."""
    sys.exit(main())


def build_parser() -> argparse.ArgumentParser:
    """The whole command line. ``--state`` and ``--json`` may stand before or after the verb."""
    parser = argparse.ArgumentParser(prog="kubedr-lab", description="Two sites on this machine: ONTAP and Kubernetes with Ark on each, simulated.")
    parser.add_argument("--state", default="./.lab", metavar="DIR", help="folder of the lab (default: ./.lab)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_life(verbs)
    _add_events(verbs)
    _add_work(verbs)
    return parser


def _verb(verbs: Any, name: str, run: Callable[[Folder, argparse.Namespace], Result], summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--state", default=argparse.SUPPRESS, metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def _add_life(verbs: Any) -> None:
    parser = _verb(verbs, "up", _up, "make a lab and return when both sites answer")
    parser.add_argument("--groups", type=int, default=1, metavar="N", help="protection groups app1..appN (default: 1)")
    parser.add_argument("--kubernetes", choices=TIERS, default="light", help="simulated, or as published: built from source on first use")
    parser.add_argument("--ark", choices=ARK_KINDS, default="velero", help="velero.io, or ark.heptio.com of old")
    parser.add_argument("--latency", choices=sorted(PROFILES), default="none", help="how long operations take")
    parser.add_argument("--clock", type=float, default=1.0, metavar="FACTOR", help="lab time runs so many times as fast")
    parser.add_argument("--identity", choices=IDENTITIES, default="full", help="identity preservation, for the inventory")
    parser.add_argument("--flexgroup", action="store_true", help="volumes are FlexGroups")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="for ids and everything else that varies")
    _verb(verbs, "down", _down, "end every process of the lab")
    parser = _verb(verbs, "deploy", _deploy, "put the example application on the source site")
    parser.add_argument("group", nargs="?", metavar="GROUP")
    parser.add_argument("--all", action="store_true", help="for every group")


def _add_events(verbs: Any) -> None:
    for name, summary in (
        ("kill", "SIGKILL: connections are refused"), ("hang", "SIGSTOP: connections are taken, nothing is answered"),
        ("drop", "connects time out, as if packets were dropped"), ("thaw", "undo hang and drop"), ("start", "bring a dead part back from its disk"),
    ):
        parser = _verb(verbs, name, _befall, summary)
        parser.add_argument("site", metavar="SITE", help=f"{', '.join(SITES)} or store")
        parser.add_argument("--only", choices=("ontap", "kubernetes", "link"), help="one system of the site, or the link between the sites")
        parser.set_defaults(verb=name)
    parser = _verb(verbs, "fault", _fault, "let requests to a site fail")
    parser.epilog = "; ".join(f"{kind}: {meaning}" for kind, meaning in KINDS.items())
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("--match", required=True, metavar="'METHOD path-regex'", help="such as 'PATCH /api/snapmirror/relationships/'")
    parser.add_argument("--kind", required=True, choices=tuple(KINDS))
    parser.add_argument("--nth", type=int, default=1, metavar="N", help="the first matching request that is hit (default: 1)")
    parser.add_argument("--times", type=int, default=1, metavar="T", help="how many are hit; 0: all from there on (default: 1)")
    parser.add_argument("--message", default="Injected failure.", help="of a failed job or an unhealthy relationship")
    parser.add_argument("--seconds", type=float, default=3.0, help="how late a slow answer is; Retry-After of a 503")
    parser = _verb(verbs, "faults", _faults_clear, "end all faults")
    parser.add_argument("what", choices=("clear",))


def _add_work(verbs: Any) -> None:
    _verb(verbs, "backup", _backup, "let a site's Ark write a backup now").add_argument("site", metavar="SITE")
    _verb(verbs, "transfer", _transfer, "let a group's relationship transfer now").add_argument("group", metavar="GROUP")
    parser = _verb(verbs, "write", _write, "let an application write records through whichever pod is ready")
    parser.add_argument("group", metavar="GROUP")
    parser.add_argument("--stop", action="store_true")
    parser = _verb(verbs, "read", _read, "what a group's volumes hold at a site, from its disk; the site may be dead")
    parser.add_argument("site", metavar="SITE")
    parser.add_argument("group", metavar="GROUP")
    parser.add_argument("--records", action="store_true", help="every record, too")
    _verb(verbs, "log", _log, "every connection, request and operation at a site").add_argument("site", metavar="SITE")


def _up(folder: Folder, options: argparse.Namespace) -> Result:
    try:
        settings = Settings(
            groups=options.groups, ark=options.ark, latency=options.latency, clock=options.clock, identity=options.identity,
            flexgroup=options.flexgroup, seed=options.seed, kubernetes=options.kubernetes,
        ).from_now()
    except ValueError as error:
        raise LabError(str(error)) from error
    if settings.kubernetes == "real":
        binaries.ensure(lambda text: print(text, file=sys.stderr, flush=True))
    commands.up(folder, settings)
    return {"lab": str(folder.lab_json), "inventory": str(folder.path / "inventory.yml")}, f"Both sites answer. Inventory: {folder.path / 'inventory.yml'}"


def _down(folder: Folder, options: argparse.Namespace) -> Result:
    ended = commands.down(folder)
    return {"ended": ended}, "The lab has ended." if ended else f"There is no lab in {folder.path}."


def _deploy(folder: Folder, options: argparse.Namespace) -> Result:
    if bool(options.group) == options.all:
        raise LabError("name one group, or say --all")
    done = actions.deploy(folder, None if options.all else options.group)
    return done, "\n".join(f"{group}: deployed" for group in done["deployed"])


def _befall(folder: Folder, options: argparse.Namespace) -> Result:
    done = commands.befall(folder, options.verb, options.site, options.only)
    return done, "\n".join(f"{name}: {condition}" for name, condition in done.items())


def _fault(folder: Folder, options: argparse.Namespace) -> Result:
    try:
        rule = Rule.parse(options.match, options.kind, nth=options.nth, times=options.times, message=options.message, seconds=options.seconds)
    except ValueError as error:
        raise LabError(str(error)) from error
    done = actions.fault(folder, options.site, rule)
    return done, f"{', '.join(done)}: {rule.kind} for {rule.method} {rule.pattern}, from match {rule.nth} on, {rule.times or 'unlimited'} time(s)"


def _faults_clear(folder: Folder, options: argparse.Namespace) -> Result:
    done = actions.clear_faults(folder)
    return done, "No faults are set." + (f" Not reached, and without faults when started again: {', '.join(done['unreached'])}." if done["unreached"] else "")


def _backup(folder: Folder, options: argparse.Namespace) -> Result:
    done = actions.backup(folder, options.site)
    return done, f"{done['name']}: {done['phase']}"


def _transfer(folder: Folder, options: argparse.Namespace) -> Result:
    done = actions.transfer(folder, options.group)
    return done, f"{options.group}: transferred {done['snapshot']}"


def _write(folder: Folder, options: argparse.Namespace) -> Result:
    actions.known_group(folder, options.group)
    runs = commands.set_writer(folder, options.group, options.stop)
    return {"group": options.group, "writing": runs}, f"{options.group}: {'writing' if runs else 'no longer writing'}"


def _read(folder: Folder, options: argparse.Namespace) -> Result:
    volumes = actions.read(folder, options.site, options.group, options.records)
    return volumes, "\n".join(actions.describe(name, volume) for name, volume in volumes.items()) or "no volume of this group is here"


def _log(folder: Folder, options: argparse.Namespace) -> Result:
    events = actions.log(folder, options.site)
    return events, "\n".join(actions.describe_event(event) for event in events)


if __name__ == "__main__":
    entry()
