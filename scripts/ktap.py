# SPDX-License-Identifier: GPL-2.0
"""Read KTAP: what a test printed, as a flat list of results.

A block of results that is indented deeper than the result line after it
belongs to that line.  A block that does not keep the promise of its plan, or
a "Bail out!", is a failure of its own.
"""
import re

RESULT = re.compile(r'^( *)(ok|not ok) (\d+)(?: -)?(?: (.*))?$')
PLAN = re.compile(r'^( *)1\.\.(\d+)(?: *# *SKIP *(.*))?$')
VERSION = re.compile(r'^( *)K?TAP version \d+$')
DIRECTIVE = re.compile(r'^(.*?)\s*#\s*(SKIP|XFAIL|TODO|TIMEOUT)\b:?\s*(.*)$', re.I)


class Result:
    """One test: status is 'ok', 'failed' or 'skipped'."""

    def __init__(self, name, status, reason='', notes=()):
        self.name = name
        self.status = status
        self.reason = reason
        self.notes = list(notes)

    def __repr__(self):
        return '%s %s %s' % (self.status, self.name, self.reason)


class Block:
    """The results of one depth since the last result line above them."""

    def __init__(self, indent):
        self.indent = indent
        self.leaves = []
        self.count = 0
        self.plan = None
        self.reason = ''
        self.bailed = False


def close(block, into):
    """Check the plan of a block that is over; add its results to a list."""
    into.extend(block.leaves)
    if block.plan is not None and block.plan != block.count and not block.bailed:
        into.append(Result('(plan)', 'failed', 'planned %d tests, saw %d' %
                           (block.plan, block.count)))
    elif block.plan == 0 and block.count == 0:
        into.append(Result('(all)', 'skipped', block.reason or 'nothing planned'))


def status_of(word, directive):
    if directive == 'SKIP':
        return 'skipped'
    if directive in ('XFAIL', 'TODO'):
        return 'skipped' if word == 'not ok' else 'ok'
    return 'ok' if word == 'ok' else 'failed'


def parse(text):
    """Return the list of Results of everything that was printed."""
    out = []
    stack = []
    notes = []

    def settle(indent):
        """End the blocks that are deeper; return what was in them."""
        inner = []
        while stack and stack[-1].indent > indent:
            block = stack.pop()
            block.leaves.extend(inner)
            inner = []
            close(block, inner)
        return inner

    def block_at(indent):
        if not stack or stack[-1].indent < indent:
            stack.append(Block(indent))
        return stack[-1]

    for line in text.splitlines():
        line = line.rstrip().expandtabs()
        found = VERSION.match(line)
        if found:
            inner = settle(len(found.group(1)) - 1)
            (stack[-1].leaves if stack else out).extend(inner)
            stack.append(Block(len(found.group(1))))
            continue
        found = PLAN.match(line)
        if found:
            indent = len(found.group(1))
            inner = settle(indent)
            block = block_at(indent)
            block.leaves.extend(inner)
            block.plan = int(found.group(2))
            block.reason = found.group(3) or ''
            continue
        found = RESULT.match(line)
        if found:
            spaces, word, number, rest = found.groups()
            inner = settle(len(spaces))
            block = block_at(len(spaces))
            block.count += 1
            rest = rest or ''
            directive = DIRECTIVE.match(rest)
            name = (directive.group(1) if directive else rest).strip() or number
            kind = directive.group(2).upper() if directive else ''
            reason = directive.group(3) if directive else ''
            status = status_of(word, kind)
            for leaf in inner:
                leaf.name = name + ': ' + leaf.name
            block.leaves.extend(inner)
            # A parent says something only when its children do not.
            if not inner or (status == 'failed' and
                             not any(x.status == 'failed' for x in inner)):
                block.leaves.append(Result(name, status, reason,
                                           notes if status == 'failed' else ()))
            notes = []
            continue
        if re.match(r'^ *Bail out!', line):
            if not stack:
                stack.append(Block(0))
            stack[-1].leaves.append(Result('Bail out!', 'failed', line.strip()))
            stack[-1].bailed = True
            continue
        if line.strip():
            notes = (notes + [line.strip()])[-40:]
    out.extend(settle(-1))
    return out
