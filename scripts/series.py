# SPDX-License-Identifier: GPL-2.0
"""A series of patches for git am: what scripts/patch and scripts/small share."""
import os
import re
import shutil
import subprocess

CRYPTO = 'drivers/s390/crypto'


class Misfit(Exception):
    """The tree is not as it is known; says where."""


def read(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


def author():
    """Who commits here, when that was last done: the same tree makes the same
    series."""
    ident = subprocess.run(['git', 'var', 'GIT_AUTHOR_IDENT'], text=True,
                           capture_output=True, check=False).stdout
    found = re.match(r'(.*) <(.*)> ', ident) or re.match(r'(.*) <(.*)> ', 'AP lab <lab@localhost> ')
    date = subprocess.run(['git', 'log', '-1', '--format=%ci'], text=True,
                          capture_output=True, check=False).stdout.strip()
    env = {'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_SYSTEM': '/dev/null'}
    for role in ('AUTHOR', 'COMMITTER'):
        env.update({'GIT_%s_NAME' % role: found.group(1),
                    'GIT_%s_EMAIL' % role: found.group(2)})
        if date:
            env['GIT_%s_DATE' % role] = date
    return env


class Repo:
    """Files of a tree, in a git of their own that is thrown away."""

    def __init__(self, top):
        self.top = top
        self.env = {k: v for k, v in os.environ.items()
                    if not k.startswith('GIT_')} | author()
        self.git('init', '-q')
        self.commits = -1
        self.commit('base')

    def git(self, *words, **more):
        done = subprocess.run(['git', '-C', self.top, *words], env=self.env,
                              text=True, capture_output=True, check=False, **more)
        if done.returncode:
            raise Misfit('git %s: %s' % (words[0], done.stderr.strip()))
        return done.stdout

    def commit(self, message):
        self.git('add', '-Af', '.')
        self.git('commit', '-q', '-F', '-', input=message)
        self.commits += 1

    def write(self, out, *options):
        """A file for each commit since the base, as the directory OUT; says what
        is in it."""
        new = out + '.new'
        count = '-%d' % self.commits
        shutil.rmtree(new, ignore_errors=True)
        self.git('format-patch', '-q', '--no-signature', '--full-index', *options,
                 '-o', os.path.abspath(new), count)
        replace(new, out)
        return '%s: %d patches,%s' % (out, self.commits, self.git(
            'diff', '--no-renames', '--shortstat', 'HEAD~%d' % self.commits,
            'HEAD').rstrip())


def replace(new, out):
    old = out + '.old'
    shutil.rmtree(old, ignore_errors=True)
    if os.path.exists(out):
        os.rename(out, old)
    os.rename(new, out)
    shutil.rmtree(old, ignore_errors=True)
