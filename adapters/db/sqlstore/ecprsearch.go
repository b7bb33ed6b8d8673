package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/opennsp/nsp/domain/ecpr"
)

// wordRange is the rows of ecpr_search with a word that a pattern may match: field, from and before.
type wordRange [3]any

// rangeOf returns the words of a pattern's beginning, or its one word. No word holds a control character.
func rangeOf(f ecpr.Field, pattern string) (r wordRange, err error) {
	field, err := fieldCode(f)
	prefix, exact := ecpr.Prefix(pattern)
	before := prefix + "\x01"
	if !exact {
		before = following(prefix)
	}
	return wordRange{field, prefix, before}, err
}

// following is the first text behind all that begin with prefix, in the order of octets, which is that of characters.
func following(prefix string) string {
	for prefix != "" {
		r, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch r {
		case utf8.MaxRune:
		case 0xd7ff: // surrogates follow, which no text holds
			return prefix + "\ue000"
		default:
			return prefix + string(r+1)
		}
	}
	return string(utf8.MaxRune)
}

const countWords = "SELECT count(*) FROM (SELECT 1 FROM ecpr_search WHERE field = ? AND word >= ? AND word < ? LIMIT ?) AS few"

// findCandidates takes the words of one range first, of which it is known how many there are, and looks each of them up in the others: OFFSET
// keeps PostgreSQL from joining them as wholes.
var (
	findCandidates = fmt.Sprintf(`WITH few AS MATERIALIZED (SELECT person_id FROM ecpr_search WHERE field = ? AND word >= ? AND word < ? LIMIT %d)
	SELECT p.id FROM few JOIN ecpr_person AS p ON p.id = few.person_id WHERE 1 = 1`, ecpr.MaxCandidates)
	alsoWord = " AND EXISTS (SELECT 1 FROM ecpr_search AS o WHERE o.person_id = few.person_id AND o.field = ? AND o.word >= ? AND o.word < ?" +
		" LIMIT 1 OFFSET 0)"
	orderCandidates = " ORDER BY p.changed_at DESC, p.number"
)

// searchBatch is how many candidates are read at once: a whole answer, and one that tells that there are more.
const searchBatch = 101

// Search takes the candidates of the rarest word, with all others of the query, and asks the query about each, in the order of the answer.
func (s personStore) Search(ctx context.Context, q ecpr.Query, limit int) (found []ecpr.Person, truncated bool, err error) {
	read := s.db.read(ctx)
	candidates, err := read.candidates(ctx, q)
	if err != nil {
		return nil, false, fmt.Errorf("find candidates: %w", translate(err))
	}
	for len(candidates) > 0 {
		n := min(searchBatch, len(candidates))
		batch, err := read.batch(ctx, candidates[:n])
		if err != nil {
			return nil, false, fmt.Errorf("read candidates: %w", translate(err))
		}
		candidates = candidates[n:]
		for _, p := range batch {
			if !q.Match(p) {
				continue
			}
			if len(found) == limit {
				return found, true, nil
			}
			found = append(found, p)
		}
	}
	return found, false, nil
}

// candidates returns the ids of who has all words of the query, in the order of the answer.
func (s session) candidates(ctx context.Context, q ecpr.Query) (ids []string, err error) {
	var ranges []wordRange
	rarest, least := 0, math.MaxInt64
	for _, t := range q.Terms {
		for _, p := range t.Patterns {
			r, err := rangeOf(t.Field, p)
			if err != nil {
				return nil, err
			}
			// Only what is rarer than the rarest so far matters.
			n, err := s.countWords(ctx, r, min(least, ecpr.MaxCandidates+1))
			if err != nil {
				return nil, err
			}
			if n == 0 {
				return nil, nil
			}
			if n < least {
				rarest, least = len(ranges), n
			}
			ranges = append(ranges, r)
		}
	}
	if least > ecpr.MaxCandidates {
		return nil, ecpr.ErrTooBroad
	}
	ranges[0], ranges[rarest] = ranges[rarest], ranges[0]
	var args []any
	for _, r := range ranges {
		args = append(args, r[:]...)
	}
	seen := map[string]bool{}
	err = s.query(ctx, func(rows *sql.Rows) error {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if !seen[string(id)] {
			seen[string(id)] = true
			ids = append(ids, string(id))
		}
		return nil
	}, findCandidates+strings.Repeat(alsoWord, len(ranges)-1)+orderCandidates, args...)
	return ids, err
}

func (s session) countWords(ctx context.Context, r wordRange, limit int) (n int, err error) {
	err = s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(&n) }, countWords, r[0], r[1], r[2], limit)
	return n, err
}

// batch returns the registrations with ids, in their order; one that is gone meanwhile is left out.
func (s session) batch(ctx context.Context, ids []string) ([]ecpr.Person, error) {
	args := make([]any, searchBatch) // one statement for any number
	order := map[ecpr.PersonID]int{}
	for i := range args {
		id := []byte(ids[min(i, len(ids)-1)])
		args[i], order[unpacked[ecpr.PersonID](id)] = id, min(i, len(ids)-1)
	}
	found, err := s.persons(ctx, personsByID+values(searchBatch, 1), args...)
	all := make([]ecpr.Person, len(ids))
	for _, p := range found {
		all[order[p.ID]] = p
	}
	return all, err
}
