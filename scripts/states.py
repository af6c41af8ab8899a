#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: scripts/states.py

Compare the table of states in the documentation with the one in the code: the
states, and what may follow each. Says what is different, exit status 1 then.
"""
import re
import sys

CODE = 'drivers/s390/crypto/ap_queue.c'
DOC = 'Documentation/s390/zcrypt-remove.rst'


def rows():
    """State: the text of its row in ap_states[]."""
    with open(CODE) as f:
        table = re.search(r'ap_states\[NR_AP_STATES\] = \{\n(.*?)\n\};',
                          f.read(), re.S)
    return dict(re.findall(r'\[AP_STATE_(\w+)\] = \{(.*?)\n\t\}',
                           table.group(1), re.S))


def in_code():
    """State: the set of those that may follow, from ap_states[]."""
    with open(CODE) as f:
        text = f.read()
    sets = {name: set(re.findall(r'TO\((\w+)\)', value)) for name, value in
            re.findall(r'#define (TO_\w+)\s+\(([^\n]*)\)\n', text)}
    states = {}
    for name, row in rows().items():
        follow = re.search(r'\.next = ([^,]*),', row).group(1)
        states[name] = set(re.findall(r'TO\((\w+)\)', follow))
        for word in re.findall(r'\bTO_\w+', follow):
            states[name] |= sets[word]
        # A state is not said to follow itself
        states[name].discard(name)
    return states


def in_doc():
    """The same, from the rows of three cells whose first is a state's name."""
    with open(DOC) as f:
        text = f.read()
    found = re.findall(r'\n   \* - ([A-Z_]+)\n     - (?:[^\n]+\n       )*[^\n]+'
                      r'\n     - ([A-Z_, ]+(?:\n {7}[A-Z_, ]+)*)', text)
    return {name: set(re.findall(r'\w+', follow)) for name, follow in found}


def main():
    code, doc = in_code(), in_doc()
    wrong = ['%s: the code has %s, the documentation %s' %
             (name, ' '.join(sorted(code.get(name, ['no such state']))),
              ' '.join(sorted(doc.get(name, ['no such state']))))
             for name in sorted(code.keys() | doc.keys())
             if code.get(name) != doc.get(name)]
    print('\n'.join(wrong) if wrong else '%d states' % len(code))
    sys.exit(1 if wrong or not code else 0)


if __name__ == '__main__':
    main()
