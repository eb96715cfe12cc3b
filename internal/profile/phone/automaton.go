package phone

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
)

// automaton matches digits against several regular expressions at once, with one
// table lookup per digit. It is the deterministic finite automaton of the
// expressions (subset construction) over the alphabet of the ten digits.
type automaton struct {
	next   [][16]uint16 // by state and digit; 16 columns spare the bounds check
	accept []uint16     // per state, a bit for each expression that matches

	// ends has what is accepted after so many more digits, for the states in which
	// only the number of digits still matters. Column settled of next has the index
	// in ends, 0 for other states.
	ends [][maxDigits + 1]uint16
}

// settled is a column of next that no digit uses.
const settled = 15

// The states that every automaton has.
const (
	stateDead  = 0
	stateStart = 1
)

// maxStates limits the size of an automaton. The largest dial plans have a few
// hundred states.
const maxStates = 1 << 14

// newAutomaton compiles up to 16 expressions, each anchored at both ends. It
// returns nil for expressions with assertions of their own.
func newAutomaton(expressions []string) *automaton {
	b := builder{m: &automaton{}, states: map[string]uint16{}}
	var start []thread
	for i, expression := range expressions {
		parsed, err := syntax.Parse(expression, syntax.Perl)
		if err != nil {
			return nil
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil || slices.ContainsFunc(program.Inst, isAssertion) {
			return nil
		}
		b.programs = append(b.programs, program)
		start = b.follow(start, thread{i, uint32(program.Start)})
	}
	b.add(nil)
	b.add(start)
	for at := stateStart; at < len(b.sets); at++ {
		for digit := range 10 {
			b.m.next[at][digit] = b.add(b.step(b.sets[at], rune('0'+digit)))
		}
		if len(b.sets) > maxStates {
			return nil
		}
	}
	b.m.settle()
	return b.m
}

// settle finds the states in which only the number of further digits matters: all
// digits lead to the same state, and it is settled, too.
func (m *automaton) settle() {
	open := make([]bool, len(m.next)) // states that are not settled
	for found := true; found; {
		found = false
		for state, to := range m.next {
			if !open[state] && (open[to[0]] || slices.ContainsFunc(to[1:10], func(other uint16) bool { return other != to[0] })) {
				open[state], found = true, true
			}
		}
	}
	m.ends = make([][maxDigits + 1]uint16, 1) // 0 stands for none
	for state := range m.next {
		if open[state] {
			continue
		}
		m.next[state][settled] = uint16(len(m.ends))
		var ends [maxDigits + 1]uint16
		at := uint16(state)
		for more := range ends {
			ends[more] = m.accept[at]
			at = m.next[at][0]
		}
		m.ends = append(m.ends, ends)
	}
}

func isAssertion(i syntax.Inst) bool { return i.Op == syntax.InstEmptyWidth }

// match returns a bit for each expression that matches the digits, of which there
// must not be more than maxDigits.
func (m *automaton) match(digits []byte) uint16 {
	state := uint16(stateStart)
	for i, d := range digits {
		to := &m.next[state]
		if end := to[settled]; end != 0 {
			return m.ends[end][len(digits)-i]
		}
		state = to[d&0xF]
	}
	return m.accept[state]
}

// matchPrefix reports whether an expression matches the first digits. A nil
// automaton matches nothing.
func (m *automaton) matchPrefix(digits []byte) bool {
	if m == nil {
		return false
	}
	state := uint16(stateStart)
	for _, d := range digits {
		if state == stateDead || m.accept[state] != 0 {
			break
		}
		state = m.next[state][d&0xF]
	}
	return m.accept[state] != 0
}

// builder compiles programs into an automaton.
type builder struct {
	m        *automaton
	programs []*syntax.Prog
	sets     [][]thread        // of each state
	states   map[string]uint16 // by their sets
}

// thread is a position in one of the programs.
type thread struct {
	program int
	pc      uint32
}

// follow adds to a set the threads that t reaches without consuming a digit.
func (b *builder) follow(set []thread, t thread) []thread {
	if slices.Contains(set, t) {
		return set
	}
	switch i := b.programs[t.program].Inst[t.pc]; i.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		set = append(set, t) // seen
		set = b.follow(set, thread{t.program, i.Out})
		return b.follow(set, thread{t.program, i.Arg})
	case syntax.InstCapture, syntax.InstNop:
		return b.follow(set, thread{t.program, i.Out})
	case syntax.InstFail:
		return set
	default:
		return append(set, t)
	}
}

// step returns the set after a digit.
func (b *builder) step(from []thread, digit rune) []thread {
	var set []thread
	for _, t := range from {
		i := &b.programs[t.program].Inst[t.pc]
		switch i.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			if i.MatchRune(digit) {
				set = b.follow(set, thread{t.program, i.Out})
			}
		}
	}
	return set
}

// add returns the state of a set, which it adds if it is new.
func (b *builder) add(set []thread) uint16 {
	slices.SortFunc(set, func(x, y thread) int {
		if x.program != y.program {
			return x.program - y.program
		}
		return int(x.pc) - int(y.pc)
	})
	var key []byte
	var accept uint16
	for _, t := range set {
		key = binary.AppendUvarint(key, uint64(t.program))
		key = binary.AppendUvarint(key, uint64(t.pc))
		if b.programs[t.program].Inst[t.pc].Op == syntax.InstMatch {
			accept |= 1 << t.program
		}
	}
	if state, ok := b.states[string(key)]; ok {
		return state
	}
	state := uint16(len(b.sets))
	b.states[string(key)] = state
	b.sets = append(b.sets, set)
	b.m.next = append(b.m.next, [16]uint16{})
	b.m.accept = append(b.m.accept, accept)
	return state
}
