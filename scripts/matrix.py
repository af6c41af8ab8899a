# SPDX-License-Identifier: GPL-2.0
"""The table of the fault matrix, from what ap_matrix printed in guests."""
CELL = '# cell: '
HEADS = ['instruction', 'state', 'answer', 'count', 'program got (ms)',
         'later requests answered', 'write (ms), attribute clean', 'worst state',
         'back by (ms)', 'hits', 'instructions/ms', 'try', 'queue', 'verdict']


def cells(text):
    """One list of columns for each cell: its last try, in the order in which the
    places came first."""
    last = {}
    for line in text.splitlines():
        columns = line.removeprefix(CELL).split('\t')
        if line.startswith(CELL) and len(columns) == len(HEADS):
            last[tuple(columns[:4])] = columns
    places = list(dict.fromkeys(x[:2] for x in last))
    return [last[x] for x in sorted(last, key=lambda x: (
        places.index(x[:2]), x[3], 'async' in x[2], x[2]))]


def write(text, path):
    """Writes the table when there is one; returns its number of cells."""
    rows = cells(text)
    if not rows:
        return 0
    widths = [max(len(r[i]) for r in rows + [HEADS]) for i in range(len(HEADS))]
    with open(path, 'w') as f:
        for row in [HEADS] + rows:
            f.write('  '.join(x.ljust(w) for x, w in zip(row, widths)).rstrip() + '\n')
        for line in text.splitlines():
            if ' single answers put ' in line:
                f.write(line + '\n')
    return len(rows)
