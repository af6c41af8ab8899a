#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""usage: scripts/pictures.py [--check]

Write the pictures of the documents, Documentation/s390/zcrypt-*.svg; or with
--check say which of them are not what would be written, exit status 1 then.

Where things are in a picture is laid out by hand, below; what it shows is not.  The
arrows of the states must be exactly what ap_states[] in ap_queue.c says may follow
each state, and each file of the drivers must have a room, or nothing is written
and the difference is told.
"""
import glob
import os
import sys
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import states  # noqa: E402

OUT = 'Documentation/s390/'
INK, SOFT, PAPER = '#1a1a1a', '#6a6a6a', '#ffffff'
FONT = 'font-family="DejaVu Sans, Helvetica, sans-serif"'


class Picture:
    """Boxes, arrows and words, as lines of SVG."""

    def __init__(self, width, height, title):
        self.head = [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<!-- SPDX-License-Identifier: GPL-2.0 -->',
            '<!-- Made by scripts/pictures.py; change that. -->',
            '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'viewBox="0 0 %d %d" %s font-size="12">' %
            (width, height, width, height, FONT),
            '<title>%s</title>' % escape(title),
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" '
            'markerWidth="7" markerHeight="7" orient="auto-start-reverse">'
            '<path d="M0,0 L10,5 L0,10 z" fill="%s"/></marker></defs>' % INK,
            '<rect width="%d" height="%d" fill="%s"/>' % (width, height, PAPER)]
        self.body = []

    def text(self, x, y, words, anchor='middle', size=12, colour=INK, bold=False):
        for n, line in enumerate(words.split('\n')):
            self.body.append(
                '<text x="%g" y="%g" text-anchor="%s" font-size="%g" fill="%s"%s>'
                '%s</text>' % (x, y + n * (size + 3), anchor, size, colour,
                               ' font-weight="bold"' if bold else '', escape(line)))

    def box(self, x, y, width, height, fill='#eef3f8', stroke=INK, dash='', round_=6):
        self.body.append(
            '<rect x="%g" y="%g" width="%g" height="%g" rx="%g" fill="%s" '
            'stroke="%s"%s/>' % (x, y, width, height, round_, fill, stroke,
                                 ' stroke-dasharray="%s"' % dash if dash else ''))

    def arrow(self, points, both=False, dash='', colour=INK):
        path = ' '.join('%s%g,%g' % ('L' if n else 'M', x, y)
                        for n, (x, y) in enumerate(points))
        self.body.append(
            '<path d="%s" fill="none" stroke="%s"%s marker-end="url(#tip)"%s/>' %
            (path, colour, ' stroke-dasharray="%s"' % dash if dash else '',
             ' marker-start="url(#tip)"' if both else ''))

    def line(self, x1, y1, x2, y2, dash='', colour=SOFT):
        self.body.append(
            '<path d="M%g,%g L%g,%g" stroke="%s" fill="none"%s/>' %
            (x1, y1, x2, y2, colour,
             ' stroke-dasharray="%s"' % dash if dash else ''))

    def svg(self):
        return '\n'.join(self.head + self.body + ['</svg>']) + '\n'


# --- the states ---------------------------------------------------------------

# Left upper corner of each state
AT = {
    'UNBOUND': (30, 60), 'ZERO_WAIT': (30, 190), 'ZERO_START': (30, 270),
    'ZERO_BUSY': (30, 350), 'UNCLEAN': (30, 460), 'REMOVE': (280, 480),
    'BOUND': (280, 60), 'RESET_START': (280, 150), 'RESET_WAIT': (280, 240),
    'ERROR': (280, 340),
    'SETIRQ_WAIT': (480, 75), 'ASSOC_WAIT': (630, 75),
    'IDLE': (555, 190), 'WORKING': (555, 270), 'QUEUE_FULL': (555, 350),
}
WIDE, HIGH = 120, 34
# What each is for, in a word or two
SAYS = {
    'UNBOUND': 'clean', 'UNCLEAN': 'tried again', 'REMOVE': 'flushed, silent',
    'ZERO_START': 'ZAPQ', 'ZERO_WAIT': 'TAPQ until clean',
    'ZERO_BUSY': 'TAPQ until free', 'BOUND': 'driver is there',
    'RESET_START': 'RAPQ', 'RESET_WAIT': 'TAPQ until over',
    'SETIRQ_WAIT': 'AQIC, TAPQ', 'ASSOC_WAIT': 'AAPQ, TAPQ', 'IDLE': 'ready',
    'WORKING': 'NQAP, DQAP', 'QUEUE_FULL': 'DQAP',
    'ERROR': 'reset again later',
}
READY = ('IDLE', 'WORKING', 'QUEUE_FULL')
UP = READY + ('SETIRQ_WAIT', 'ASSOC_WAIT')
# An arrow from or to the border of a frame is one from or to each state in it
FRAMES = {
    'has a driver': (
        UP + ('BOUND', 'RESET_START', 'RESET_WAIT', 'ERROR'),
        (240, 30, 550, 400)),
    'reset is over': (UP, (455, 50, 320, 365)),
    'ready': (READY, (480, 160, 270, 245)),
    'zero-reset': (('ZERO_START', 'ZERO_WAIT', 'ZERO_BUSY'), (15, 160, 190, 245)),
}
# From, to, both ways, the way there
ARROWS = [
    ('UNBOUND', 'BOUND', False, [(150, 77), (280, 77)]),
    ('UNBOUND', 'ZERO_START', False, [(30, 77), (7, 77), (7, 287), (30, 287)]),
    ('ZERO_WAIT', 'UNBOUND', False, [(90, 190), (90, 94)]),
    ('ZERO_START', 'ZERO_WAIT', True, [(90, 270), (90, 224)]),
    ('ZERO_START', 'ZERO_BUSY', True, [(90, 304), (90, 350)]),
    ('zero-reset', 'UNCLEAN', False, [(90, 405), (90, 460)]),
    ('UNCLEAN', 'ZERO_START', False,
     [(150, 477), (172, 477), (172, 295), (150, 295)]),
    ('REMOVE', 'ZERO_START', False,
     [(280, 497), (192, 497), (192, 279), (150, 279)]),
    ('has a driver', 'REMOVE', False, [(340, 430), (340, 480)]),
    ('has a driver', 'RESET_START', False, [(240, 167), (280, 167)]),
    ('has a driver', 'ERROR', False, [(240, 357), (280, 357)]),
    ('RESET_START', 'RESET_WAIT', False, [(340, 184), (340, 240)]),
    ('reset is over', 'RESET_WAIT', False, [(455, 264), (400, 264)]),
    ('RESET_WAIT', 'IDLE', False, [(400, 250), (430, 250), (430, 207), (555, 207)]),
    ('SETIRQ_WAIT', 'ready', False, [(520, 109), (520, 160)]),
    ('IDLE', 'SETIRQ_WAIT', False, [(580, 190), (580, 109)]),
    ('IDLE', 'ASSOC_WAIT', True, [(655, 190), (655, 109)]),
    ('IDLE', 'WORKING', True, [(615, 224), (615, 270)]),
    ('WORKING', 'QUEUE_FULL', True, [(615, 304), (615, 350)]),
    ('IDLE', 'QUEUE_FULL', True, [(675, 207), (710, 207), (710, 367), (675, 367)]),
]


def members(name):
    return set(FRAMES[name][0]) if name in FRAMES else {name}


def drawn():
    """State: the set of those that its arrows lead to."""
    to = {name: set() for name in AT}
    for a, b, both, _ in ARROWS:
        for x in members(a):
            to[x] |= members(b) - {x}
        for x in members(b) if both else ():
            to[x] |= members(a) - {x}
    return to


def states_differ():
    """What is wrong with the arrows."""
    code, picture = states.in_code(), drawn()
    return ['%s: the code has %s, the picture %s' % (
            name, ' '.join(sorted(code.get(name, ['no such state']))),
            ' '.join(sorted(picture.get(name, ['no such state']))))
            for name in sorted(code.keys() | picture.keys())
            if code.get(name) != picture.get(name)]


def picture_states():
    p = Picture(800, 545, 'The states of an AP queue')
    for name, (_, (x, y, width, height)) in FRAMES.items():
        p.box(x, y, width, height, fill='none', stroke=SOFT, dash='5,3', round_=10)
        p.text(x + width - 9, y + 15, name, 'end', 11, SOFT)
    for _, _, both, points in ARROWS:
        p.arrow(points, both)
    for name, (x, y) in AT.items():
        p.box(x, y, WIDE, HIGH, '#fff3d6' if name in ('ERROR', 'UNCLEAN') else
              '#e4f3e4' if name in UP or name == 'UNBOUND' else '#eef3f8')
        p.text(x + WIDE / 2, y + 15, name, size=11, bold=True)
        p.text(x + WIDE / 2, y + 28, SAYS[name], size=10, colour=SOFT)
    p.text(215, 72, 'probe()', size=11)
    p.text(350, 460, 'remove()', 'start', 11)
    p.text(98, 440, 'time is up,\ncard not there', 'start', 10)
    p.text(420, 510, 'An arrow that begins or ends at the border of a frame stands for\n'
           'one from or to every state in it.', 'start', 11, SOFT)
    return p.svg()


# --- the three phases -----------------------------------------------------------

LANES = [('program', 90), ('AP bus', 300), ('driver', 500), ('firmware', 690)]
X = dict(LANES)


def picture_phases():
    p = Picture(780, 640, 'The three phases of a removal')
    bands = [(62, 176, '#f3f6fb', '1  flush'), (242, 82, '#fbf6ec', '2  remove'),
             (328, 212, '#eff8ef', '3  clean')]
    for y, height, fill, name in bands:
        p.box(4, y, 772, height, fill, 'none', round_=4)
        p.text(768, y + 18, name, 'end', 12, INK, True)
    for name, x in LANES:
        p.box(x - 60, 14, 120, 30, '#ffffff')
        p.text(x, 34, name, bold=True)
        # the driver goes, and another one comes
        for top, bottom in [(44, 325), (560, 625)] if name == 'driver' else [(44, 625)]:
            p.line(x, top, x, bottom, '4,3')

    def step(y, a, b, words, dash=''):
        p.arrow([(X[a], y), (X[b], y)], dash=dash)
        p.text((X[a] + X[b]) / 2, y - 5, words, size=11)

    def note(y, lane, words):
        p.box(X[lane] - 84, y - 15, 168, 22, '#ffffff', SOFT, round_=3)
        p.text(X[lane], y, words, size=11)

    note(88, 'AP bus', 'state REMOVE')
    step(122, 'AP bus', 'program', 'each message: receive(), -EAGAIN')
    note(148, 'program', 'sends it to another queue')
    step(180, 'program', 'AP bus', 'ap_queue_message()')
    step(200, 'AP bus', 'program', '-ENODEV', '5,3')
    note(224, 'AP bus', 'timers gone, no instruction')
    step(278, 'AP bus', 'driver', 'remove()')
    step(306, 'driver', 'AP bus', 'gives back what it has', '5,3')
    step(358, 'AP bus', 'firmware', 'ZAPQ')
    step(380, 'firmware', 'AP bus', '00, or 02, 05, 0A: once more', '5,3')
    step(408, 'AP bus', 'firmware', 'TAPQ')
    step(430, 'firmware', 'AP bus', '02: under way, TAPQ again', '5,3')
    step(458, 'AP bus', 'firmware', 'TAPQ')
    step(480, 'firmware', 'AP bus', '00, queue empty, interrupts off', '5,3')
    note(506, 'AP bus', 'UNBOUND: clean')
    p.text(400, 502, 'or remove_timeout is over, or the card is not there:\n'
           'UNCLEAN, no driver, tried again', 'start', 10, SOFT)
    step(580, 'AP bus', 'driver', 'probe() of the next one')
    p.text(400, 597, 'only if UNBOUND', size=10, colour=SOFT)
    return p.svg()


# --- the way of a request ---------------------------------------------------------

ROOM = (150, 46)
ROOMS = {
    'zcrypt_api.c': (210, 70, 'ioctls, kernel callers'),
    'zcrypt_node.c': (420, 70, 'device nodes, masks'),
    'zcrypt_send.c': (210, 240, 'one path for all'),
    'zcrypt_sched.c': (420, 160, 'which queue'),
    'zcrypt_msgtype50.c\nzcrypt_msgtype6.c': (420, 240, ''),
    'ap_queue.c': (210, 400, 'states, messages'),
    'ap_poll.c': (420, 400, 'who is looked at, when'),
    'ap_msg.c': (20, 320, 'buffers, owner'),
    'zcrypt_card.c\nzcrypt_queue.c': (620, 160, ''),
    'zcrypt_helpers.c': (620, 240, 'only in newer kernels'),
    'zcrypt_status.c': (20, 70, 'what is where, how it is'),
    'zcrypt_rng.c': (20, 240, 'the kernel\'s hwrng'),
    'ap_bus.c': (620, 320, 'bindings, removal'),
    'ap_scan.c': (620, 390, 'cards, queues, changes'),
    'ap_mask.c': (620, 460, 'apmask, aqmask'),
    'ap_remove.c': (420, 320, 'batches'),
    'ap_queue_sysfs.c\nap_bus_sysfs.c': (20, 390, ''),
    'ap_card.c': (20, 460, 'sums of its queues'),
}
WAY = [
    ([(285, 34), (285, 70)], 1, (297, 57)),
    ([(360, 93), (420, 93)], 2, (390, 88)),
    ([(285, 116), (285, 240)], 3, (297, 182)),
    ([(360, 248), (390, 248), (390, 183), (420, 183)], 4, (400, 216)),
    ([(360, 264), (420, 264)], 5, (400, 260)),
    ([(270, 286), (270, 400)], 6, (258, 345)),
    ([(270, 446), (270, 505)], 7, (258, 480)),
    ([(495, 505), (495, 446)], 8, (507, 480)),
    ([(420, 423), (360, 423)], 9, (390, 418)),
    ([(305, 400), (305, 286)], 10, (321, 345)),
    ([(360, 278), (420, 278)], 11, (400, 292)),
    ([(210, 256), (190, 256), (190, 93), (210, 93)], 12, (179, 182)),
]


def rooms_differ():
    """Which files have no room, and which rooms no file."""
    rooms = {f for name in ROOMS for f in name.split('\n')}
    files = {os.path.basename(f) for f in glob.glob('drivers/s390/crypto/*.c')
             if not f.endswith('_test.c')}
    return ['%s: %s' % (f, 'not in the picture' if f in files else 'no such file')
            for f in sorted(files ^ rooms)]


def picture_request():
    p = Picture(790, 590, 'The files, and the way of a request through them')
    p.box(8, 44, 774, 254, '#f6f9fd', 'none', round_=8)
    p.text(774, 64, 'zcrypt', 'end', 13, SOFT, True)
    p.box(8, 306, 774, 210, '#fdf9f1', 'none', round_=8)
    p.text(600, 506, 'ap', 'end', 13, SOFT, True)
    p.box(210, 8, 150, 26, '#ffffff')
    p.text(285, 26, 'program')
    p.box(210, 530, 360, 30, '#ffffff')
    p.text(390, 550, 'firmware: the card\'s queue')
    for name, (x, y, says) in ROOMS.items():
        p.box(x, y, *ROOM, fill='#ffffff')
        two = '\n' in name
        p.text(x + ROOM[0] / 2, y + 19, name, size=11, bold=True)
        if not two:
            p.text(x + ROOM[0] / 2, y + 35, says, size=10, colour=SOFT)
    for points, number, (x, y) in WAY:
        last = [(a, 530 if b == 505 else b) for a, b in points]
        p.arrow(last)
        p.text(x, y, str(number), size=11, bold=True, colour='#b03030')
    return p.svg()


PICTURES = {
    'zcrypt-states.svg': picture_states,
    'zcrypt-phases.svg': picture_phases,
    'zcrypt-request.svg': picture_request,
}


def main():
    wrong = states_differ() + rooms_differ()
    for name, make in PICTURES.items() if not wrong else ():
        path = OUT + name
        try:
            with open(path, encoding='utf-8') as f:
                there = f.read()
        except OSError:
            there = None
        svg = make()
        if there == svg:
            continue
        if '--check' in sys.argv[1:]:
            wrong.append('%s is not what scripts/pictures.py makes of it' % path)
        else:
            with open(path, 'w', encoding='utf-8') as f:
                f.write(svg)
    if wrong:
        print('\n'.join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
