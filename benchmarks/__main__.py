"""`python -m benchmarks [NAME...]`: run all benchmarks, or the named ones."""

import sys

from benchmarks import (
    attendance,
    counts,
    deadline,
    demo_start,
    endurance,
    import_workbook,
    neighbours,
    pages,
    photos,
    race,
    roster,
    transfer,
)

BENCHMARKS = {
    "race": race.run,
    "import_workbook": import_workbook.run,
    "photos": photos.run,
    "deadline": deadline.run,
    "roster": roster.run,
    "pages": pages.run,
    "endurance": endurance.run,
    "neighbours": neighbours.run,
    "demo_start": demo_start.run,
    "attendance": attendance.run,
    "transfer": transfer.run,
    "counts": counts.run,
}


def main(names: list[str]) -> int:
    """Run benchmarks by name, in the order given; 2 for a name there is none of."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}")
        return 2
    for name in names or BENCHMARKS:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
