#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests for the limit of scripts/check: what is begun when, and what is told of the
rest.  No guest is needed for that."""
import contextlib
import importlib.util
import importlib.machinery
import io
import os
import subprocess
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'check')
ASKED = ('KERNELS', 'TESTS', 'LIMIT')


def load():
    """Anew for each test: it counts."""
    loader = importlib.machinery.SourceFileLoader('check', CHECK)
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader('check', loader))
    loader.exec_module(module)
    return module


class Limit(unittest.TestCase):
    def setUp(self):
        rest = {k: v for k, v in os.environ.items() if k not in ASKED}
        for patch in (mock.patch.dict(os.environ, rest, clear=True),
                      mock.patch.object(sys, 'argv', ['check'])):
            patch.start()
            self.addCleanup(patch.stop)
        self.check = load()

    def age(self, seconds):
        self.check.begun_at -= seconds

    def told(self, function, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.returned = function(*args)
        return out.getvalue()

    def test_all_has_one(self):
        self.assertAlmostEqual(self.check.time_left(), self.check.LIMIT, delta=60)

    def test_what_is_asked_for_has_none(self):
        for name in ('KERNELS', 'TESTS'):
            with mock.patch.dict(os.environ, {name: 'lab'}):
                self.assertIsNone(self.check.time_left())
        with mock.patch.object(sys, 'argv', ['check', '--storm']):
            self.assertIsNone(self.check.time_left())

    def test_given(self):
        os.environ['LIMIT'] = '5000'
        os.environ['KERNELS'] = 'lab'
        self.assertAlmostEqual(self.check.time_left(), 5000, delta=60)
        os.environ['LIMIT'] = '0'
        self.assertIsNone(self.check.time_left())

    def test_in_time(self):
        self.assertEqual(self.told(self.check.too_late, 'lab', ['a', 'b']), '')
        self.assertFalse(self.returned)
        self.assertEqual(self.check.unbegun, [])

    def test_too_late(self):
        self.age(self.check.LIMIT + 1)
        told = self.told(self.check.too_late, 'lab', ['a.sh', 'b.sh']).splitlines()
        self.assertTrue(self.returned)
        self.assertEqual(self.check.counts, {'ok': 0, 'failed': 0, 'skipped': 2})
        for line, name in zip(told, ('a.sh', 'b.sh')):
            self.assertIn('# SKIP', line)
            self.assertIn('KERNELS=lab TESTS=%s ./lab check' % name, line)

    def test_no_guest_when_late(self):
        self.age(self.check.LIMIT + 1)
        with mock.patch.object(self.check.subprocess, 'run') as run:
            self.told(self.check.in_guest, 'lab', ['a.sh'])
            self.told(self.check.on_kernel, 'lab', ['b.sh'])
            self.told(self.check.without_small)
        run.assert_not_called()
        self.assertEqual(self.check.unbegun[:2], [('lab', 'a.sh'), ('lab', 'b.sh')])
        self.assertEqual(len(self.check.unbegun), 2 + len(self.check.BROKEN))

    def test_the_guest_is_told(self):
        self.assertIn(' AP_UNTIL=', self.check.for_tests())
        os.environ['KERNELS'] = 'lab'
        self.assertNotIn('AP_UNTIL', self.check.for_tests())

    def test_what_a_guest_leaves_is_told(self):
        """It began one of two, then its time was over."""
        def guest(*_args, **_more):
            self.age(self.check.LIMIT + 1)
            return subprocess.CompletedProcess(
                [], 0, 'lab-begin a.sh\nKTAP version 1\n1..1\nok 1 x\nlab-end a.sh 0 7\n', '')
        with mock.patch.object(self.check.subprocess, 'run', guest), \
                mock.patch.object(self.check, 'OUT', os.devnull + '/..'), \
                mock.patch.object(self.check, 'open', mock.mock_open(read_data=''),
                                  create=True), \
                mock.patch.object(self.check.matrix, 'write'):
            told = self.told(self.check.in_guest, 'lab', ['a.sh', 'b.sh'])
        self.assertIn('ok 1 lab a.sh: x', told)
        self.assertEqual(self.check.unbegun, [('lab', 'b.sh')])

    def test_the_nearest_to_its_bound(self):
        """Of each script its guest has run; the bound is that of the first."""
        text = ''.join('lab-begin %s\nKTAP version 1\n1..1\nok 1 x\nlab-end %s 0 %d\n' % (x, x, s)
                       for x, s in (('test_matrix.sh', 60), ('b.sh', 300), ('c.sh', 150)))
        done = subprocess.CompletedProcess([], 0, text, '')
        with mock.patch.object(self.check, 'console_of', return_value=[]), \
                mock.patch.object(self.check, 'NEAREST', 2):
            self.told(self.check.judge_all, 'lab', ['test_matrix.sh', 'b.sh', 'c.sh'], done, '')
            self.told(self.check.judge_all, 'lab', ['c.sh'], subprocess.CompletedProcess(
                [], 0, text[text.index('lab-begin c'):], ''), '')
            with self.assertRaises(SystemExit) as end:
                told = io.StringIO()
                with contextlib.redirect_stdout(told):
                    self.check.finish()
        self.assertEqual(end.exception.code, 0)
        self.assertEqual([x for x in told.getvalue().splitlines() if 'nearest' in x],
                         ['# nearest to its bound: lab c.sh: 150 of 300 s',
                          '# nearest to its bound: lab b.sh: 300 of 600 s'])

    def test_the_storm_has_no_guest_beside_it(self):
        ran = []                # (how many have run beside each other before, kernel, names)

        def beside(jobs):
            for job in jobs:
                job()
            beside.times += 1
        beside.times = 0

        def on_kernel(kernel, names, **_more):
            ran.append((beside.times, kernel, names))
        with mock.patch.object(self.check, 'on_kernel', on_kernel), \
                mock.patch.object(self.check, 'beside', beside), \
                mock.patch.object(self.check, 'on_host'), \
                mock.patch.object(self.check, 'without_small'), \
                mock.patch.object(self.check, 'begin_anew'), \
                self.assertRaises(SystemExit):
            self.told(self.check.main)
        storm = self.check.STORM
        self.assertEqual([x for x in ran if storm in x[2]],
                         [(1, 'debug', [storm]), mock.ANY, (2, 'small', [storm])])
        self.assertEqual([x[1] for x in ran if storm in x[2]], ['debug', 'lab', 'small'])
        # Nobody was begun between the last of lab that must be alone and the storm
        self.assertEqual([x[1] for x in ran[:2]], ['lab', 'debug'])

    def test_the_matrix_is_of_all_guests(self):
        a, b, c = (self.check.matrix.CELL + x + '\n' for x in 'abc')
        with mock.patch.object(self.check.matrix, 'write') as write:
            for kernel, text in (('lab', a), ('debug', b), ('lab', 'ok 1 x\n'), ('lab', c)):
                self.check.matrix_of(kernel, text)
        self.assertEqual([x.args[0] for x in write.mock_calls], [a, b, a + c])

    def test_no_number(self):
        done = subprocess.run([CHECK], env={**os.environ, 'LIMIT': 'soon'},
                              capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('LIMIT=soon', done.stderr)


if __name__ == '__main__':
    unittest.main()
