"""Cases (业务办理): one machine for everything that needs somebody else's approval.

A kind of case is one declaration in the file of its business; importing that file registers it:

    cases.KINDS[CaseKind.PROBLEM_RESOLUTION] = cases.Kind(Slot.PROBLEM, effect, ("problemRecord", Action.RESOLVE))

    async def effect(connection, caller, case, subjects): ...

and a deed that checks who may ask and for what, then opens the case inside its own `gate.writing`:

    case_id = await cases.open_case(
        connection, caller, CaseKind.PROBLEM_RESOLUTION, path=school_path, other_path=None, subjects=[student_id],
        details={...}, files=[...], offices={Side.AUTHORITY: place_path})

From there on every kind goes the same way: `decide` for each step of its chain, `withdraw` by the office that asked.
Asking takes the kind's `right`, and so does withdrawing.
`effect` runs in the transaction of the last approval, `ended` whenever the case closes, however it closes; both are
given the case as it stood (`OpenCase`) and its subjects' ids in order. The case's row is locked. For an effect the
subjects' rows are locked too (after whatever `prepare` locks), and row security shows both sides of the case, whoever
approves: what was approved may be done at both ends. A refusal raised in an effect undoes that last approval; the
case stays open.

The chain is data (`chains`, `chain_steps`): the row in force on the day the case opens. A step's due date counts
working days from the day its turn came. Locks are taken in this order: the case, what `prepare` locks, the subjects.
`open_case`, `decide` and `withdraw` each write their own audit entry and event; a deed or an effect adds only what it
did to something else.
"""

from hub.cases.deciding import LONGEST_NOTE, decide, withdraw
from hub.cases.kinds import KINDS, Effect, Kind, OpenCase, label
from hub.cases.opening import open_case

__all__ = [
    "KINDS",
    "LONGEST_NOTE",
    "Effect",
    "Kind",
    "OpenCase",
    "decide",
    "label",
    "open_case",
    "withdraw",
]
