#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What scripts/ktap.py must understand, and what it must not let pass."""
import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import ktap  # noqa: E402


def flat(text):
    return [(r.name, r.status) for r in ktap.parse(text)]


class Ktap(unittest.TestCase):
    def test_plain(self):
        self.assertEqual(flat('TAP version 13\n1..3\nok 1 a\nnot ok 2 - b\nok 3 c # SKIP no c\n'),
                         [('a', 'ok'), ('b', 'failed'), ('c', 'skipped')])

    def test_reason_and_notes(self):
        r = ktap.parse('1..2\n# why it failed\nnot ok 1 a\nok 2 b # SKIP none here\n')
        self.assertEqual(r[0].notes, ['# why it failed'])
        self.assertEqual(r[1].reason, 'none here')

    def test_too_few(self):
        self.assertEqual(flat('1..3\nok 1 a\n'), [('a', 'ok'), ('(plan)', 'failed')])

    def test_too_many(self):
        self.assertEqual(flat('1..1\nok 1 a\nok 2 b\n')[-1], ('(plan)', 'failed'))

    def test_plan_last(self):
        self.assertEqual(flat('ok 1 a\nok 2 b\n1..2\n'), [('a', 'ok'), ('b', 'ok')])

    def test_nothing(self):
        self.assertEqual(flat('hello\nok then\n'), [])

    def test_skip_all(self):
        self.assertEqual(flat('KTAP version 1\n1..0 # SKIP no card\n'), [('(all)', 'skipped')])

    def test_nested(self):
        text = ('KTAP version 1\n1..2\n    KTAP version 1\n    # Subtest: s\n    1..2\n'
                '    ok 1 a\n    not ok 2 b\n# s: pass:1 fail:1\nnot ok 1 s\n'
                '    KTAP version 1\n    1..1\n        KTAP version 1\n        1..2\n'
                '        ok 1 x\n        ok 2 y\n    ok 1 p\nok 2 t\n')
        self.assertEqual(flat(text), [('s: a', 'ok'), ('s: b', 'failed'),
                                      ('t: p: x', 'ok'), ('t: p: y', 'ok')])

    def test_nested_without_version(self):
        self.assertEqual(flat('1..1\n  1..2\n  ok 1 a\n  ok 2 b\nok 1 s\n'),
                         [('s: a', 'ok'), ('s: b', 'ok')])

    def test_nested_cut_short(self):
        text = 'KTAP version 1\n1..2\n    KTAP version 1\n    1..2\n    ok 1 a\n'
        self.assertEqual([s for _, s in flat(text)], ['ok', 'failed', 'failed'])

    def test_parent_fails_alone(self):
        self.assertEqual(flat('1..1\n    1..1\n    ok 1 a\nnot ok 1 s\n'),
                         [('s: a', 'ok'), ('s', 'failed')])

    def test_several_documents(self):
        text = 'KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..2\nok 1 b\nok 2 c\n'
        self.assertEqual([n for n, _ in flat(text)], ['a', 'b', 'c'])

    def test_first_document_cut_short(self):
        text = 'KTAP version 1\n1..2\nok 1 a\nKTAP version 1\n1..1\nok 1 b\n'
        self.assertEqual([s for _, s in flat(text)], ['ok', 'failed', 'ok'])

    def test_bail(self):
        self.assertEqual(flat('1..4\nok 1 a\nBail out! no adapter\n'),
                         [('a', 'ok'), ('Bail out!', 'failed')])

    def test_kunit_blank_and_module_lines(self):
        text = ('KTAP version 1\n\n1..1\n    KTAP version 1\n    # Subtest: m\n    # module: ap\n'
                '    1..1\n    ok 1 a # SKIP later\nok 1 m\n')
        self.assertEqual(flat(text), [('m: a', 'skipped')])


if __name__ == '__main__':
    unittest.main()
