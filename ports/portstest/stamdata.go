package portstest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/ports"
)

// Registers are the stores of the reference registers of one backend.
type Registers interface {
	Stamdata() ports.StamdataLoader
	Register() ports.CPRRegister
	Aliases() ports.Aliases
	Authorisations() ports.Authorisations
	Delegations(statuses []string) ports.Delegations
	OrgUnits() ports.OrgUnits
	CopyRegister() ports.CopyRegister
	Persons() ports.PersonStore
}

// OpenRegisters opens the reference registers.
type OpenRegisters = Open[Registers]

// Persons and units of the published and synthetic sets.
const (
	man, mother, boy, girl, ward = "1403800099", "2207820468", "0905124643", "2101194638", "1702553083"
	dead, secretary, replaced    = "2508480706", "1909851138", "2804901808"
	regionSOR, hospital, surgery = "900001000016002", "900011000016001", "900041000016007"

	tenth = 0.10 // the share of rows that a file may close
)

func person(t require.TestingT, digits string) cpr.Number {
	n, err := cpr.Parse(digits)
	require.NoError(t, err)
	return n
}

// numbered are lines of the register of practices.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%06d;Praksis %d\n", i, i)
	}
	return b.String()
}

const practiceHeader = "ydernummer;navn\n"

// registers are those of one case; hours count from noon.
type registers struct {
	handles[Registers]
	t   require.TestingT
	ctx context.Context //nolint:containedctx // of one case
}

func registersOf(t *testing.T, open OpenRegisters) registers {
	t.Helper()
	hs, _ := open.opened(t)
	return registers{hs, t, bounded(t)}
}

func (r registers) one() Registers { return r.first().Store }
func (r registers) two() Registers { return r.last().Store }

// try loads a file at hours after noon.
func (r registers) try(hours int, name, text string) (stamdata.LoadReport, error) {
	return r.one().Stamdata().Load(r.ctx, RegisterFile(r.t, name, text), tenth, later(hours))
}

func (r registers) force(hours int, name, text string) (stamdata.LoadReport, error) {
	f := RegisterFile(r.t, name, text)
	f.Force = true
	return r.one().Stamdata().Load(r.ctx, f, tenth, later(hours))
}

// load loads a file and tells what it did: added, changed, closed and unchanged.
func (r registers) load(hours int, name, text string) [4]int {
	report, err := r.try(hours, name, text)
	require.NoError(r.t, err)
	require.False(r.t, report.Skipped)
	return [4]int{report.Added, report.Changed, report.Closed, report.Unchanged}
}

// rows returns the current rows of a register, values separated by ";".
func (r registers) rows(name string) []string {
	register, err := stamdata.RegisterNamed(name)
	require.NoError(r.t, err)
	var all []string
	for row, err := range r.two().Stamdata().Rows(r.ctx, register) {
		require.NoError(r.t, err)
		all = append(all, strings.Join(row, ";"))
	}
	return all
}

// copies returns what is copied of a view of the CPR register, as "name=value …" after its key's revision.
func (r registers) copies(datatype string) []stamdata.CopyRow {
	var all []stamdata.CopyRow
	for after := (stamdata.Offset{}); ; after = all[len(all)-1].Offset() {
		page, err := r.two().CopyRegister().Page(r.ctx, stamdata.View{Register: "cpr", Datatype: datatype, Version: 1}, after, 2)
		require.NoError(r.t, err)
		require.LessOrEqual(r.t, len(page), 2)
		if len(page) == 0 {
			return all
		}
		for _, row := range page {
			require.Positive(r.t, row.Offset().Compare(after), "in order, none twice")
			require.Zero(r.t, row.Modified.Nanosecond())
		}
		all = append(all, page...)
	}
}

// badLines returns the lines that a load was refused for.
func badLines(t require.TestingT, err error) []int {
	var bad *stamdata.BadFile
	require.ErrorAs(t, err, &bad)
	require.True(t, fault.Is(err, fault.Invalid))
	var lines []int
	for _, p := range bad.Problems {
		lines = append(lines, p.Line)
	}
	return lines
}

// Stamdata runs the contracts of ports.StamdataLoader and of the ports that read what it loads.
func Stamdata(t *testing.T, open OpenRegisters) {
	t.Run("loading", func(t *testing.T) { stamdataLoading(t, open) })
	t.Run("refusing", func(t *testing.T) { stamdataRefusing(t, open) })
	t.Run("at once", func(t *testing.T) { stamdataAtOnce(t, open) })
	t.Run("copies", func(t *testing.T) { stamdataCopies(t, open) })
	t.Run("persons", func(t *testing.T) { stamdataPersons(t, open) })
	t.Run("professionals and organisations", func(t *testing.T) { stamdataOrganisations(t, open) })
}

func stamdataLoading(t *testing.T, open OpenRegisters) {
	t.Run("empty registers have no rows, and no loads", func(t *testing.T) {
		r := registersOf(t, open)
		for _, register := range stamdata.Registers() {
			assert.Empty(t, r.rows(register.Name))
		}
		loads, err := r.one().Stamdata().Loads(r.ctx, 10)
		require.NoError(t, err)
		assert.Empty(t, loads)
	})

	t.Run("every register keeps every column, in the order of its key", func(t *testing.T) {
		r := registersOf(t, open)
		for _, register := range stamdata.Registers() {
			first, second := fullRow(register, 1), fullRow(register, 2)
			header := ""
			for _, c := range register.Columns {
				header += c.Name + ";"
			}
			header = strings.TrimSuffix(header, ";")
			text := header + "\n" + second + "\n" + first + "\n"
			require.Equal(t, [4]int{2, 0, 0, 0}, r.load(0, register.Name+".csv", text), register.Name)
			assert.Equal(t, []string{first, second}, r.rows(register.Name))
		}
	})

	t.Run("rows that are as they were write nothing, others are changed, and a full file closes what it lacks", func(t *testing.T) {
		r := registersOf(t, open)
		require.Equal(t, [4]int{3, 0, 0, 0}, r.load(0, "yder.csv", practiceHeader+"1;A\n2;B\n3;C\n"))
		require.Equal(t, [4]int{1, 1, 1, 1}, r.load(1, "yder.csv", practiceHeader+"4;D\n2;BB\n1;A\n"))
		assert.Equal(t, []string{"000001;A;;;;;;;;;", "000002;BB;;;;;;;;;", "000004;D;;;;;;;;;"}, r.rows(stamdata.Practices))
		require.Equal(t, [4]int{1, 0, 0, 0}, r.load(2, "yder.delta.csv", practiceHeader+"3;C\n"), "one that was closed is new again")
		assert.Len(t, r.rows(stamdata.Practices), 4)
	})

	t.Run("a file of changes closes nothing", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "yder.csv", practiceHeader+"1;A\n2;B\n")
		require.Equal(t, [4]int{1, 1, 0, 0}, r.load(1, "yder.delta.csv", practiceHeader+"2;BB\n3;C\n"))
		assert.Equal(t, []string{"000001;A;;;;;;;;;", "000002;BB;;;;;;;;;", "000003;C;;;;;;;;;"}, r.rows(stamdata.Practices))
	})

	t.Run("PC-49 a file that was taken is skipped, also one of long ago, unless it is forced", func(t *testing.T) {
		r := registersOf(t, open)
		first, second := practiceHeader+"1;A\n", practiceHeader+"1;B\n"
		r.load(0, "yder.csv", first)
		r.load(1, "yder.csv", second)
		for _, text := range []string{first, second} {
			taken, err := r.two().Stamdata().Taken(r.ctx, RegisterFile(t, "yder.csv", text).SHA256)
			require.NoError(t, err)
			assert.True(t, taken)
			report, err := r.try(2, "yder.csv", text)
			require.NoError(t, err)
			assert.Equal(t, stamdata.LoadReport{File: "yder.csv", Register: "yder", At: report.At, Skipped: true}, report)
		}
		assert.Equal(t, []string{"000001;B;;;;;;;;;"}, r.rows(stamdata.Practices))
		report, err := r.force(3, "yder.csv", first)
		require.NoError(t, err)
		assert.Equal(t, 1, report.Changed)
		assert.Equal(t, []string{"000001;A;;;;;;;;;"}, r.rows(stamdata.Practices))
		taken, err := r.one().Stamdata().Taken(r.ctx, [32]byte{1})
		require.NoError(t, err)
		assert.False(t, taken)
	})

	t.Run("Loads tells the latest loads, newest first, with their warnings", func(t *testing.T) {
		r := registersOf(t, open)
		f := RegisterFile(t, "yder.csv", practiceHeader+"1;A\n2;B\n")
		f.Warnings = []string{"column 3 is none of the register"}
		first, err := r.one().Stamdata().Load(r.ctx, f, tenth, later(0).Add(1234567))
		require.NoError(t, err)
		want := stamdata.LoadReport{File: "yder.csv", Register: "yder", At: noon.Add(time.Millisecond), Rows: 2, Added: 2, Warnings: f.Warnings}
		assert.Equal(t, want, first)
		second, err := r.try(1, "yder.delta.csv", practiceHeader+"1;A\n")
		require.NoError(t, err)
		_, err = r.try(2, "yder.csv", practiceHeader+"1;A\n2;B\n") // skipped
		require.NoError(t, err)
		loads, err := r.two().Stamdata().Loads(r.ctx, 10)
		require.NoError(t, err)
		require.Equal(t, []stamdata.LoadReport{second, first}, loads)
		loads, err = r.two().Stamdata().Loads(r.ctx, 1)
		require.NoError(t, err)
		require.Equal(t, []stamdata.LoadReport{second}, loads)
	})

	t.Run("a load is later than the one before, whatever the clock says", func(t *testing.T) {
		r := registersOf(t, open)
		for i, at := range []time.Time{later(1), later(1), later(0), later(2)} {
			f := RegisterFile(t, "cpr-person.csv", fmt.Sprintf("cpr;status;fornavn\n%s;01;Name %d\n", man, i))
			report, err := r.one().Stamdata().Load(r.ctx, f, tenth, at)
			require.NoError(t, err)
			want := []time.Time{later(1), later(1).Add(time.Millisecond), later(1).Add(2 * time.Millisecond), later(2)}[i]
			assert.Equal(t, want, report.At)
			c, err := r.two().Register().Citizen(r.ctx, person(t, man))
			require.NoError(t, err)
			assert.Equal(t, want, c.Valid.From)
		}
	})

	t.Run("what is given and what is returned belong to the caller", func(t *testing.T) {
		r := registersOf(t, open)
		f := RegisterFile(t, "yder.csv", practiceHeader+"1;A\n")
		whole, given := f.Rows, []stamdata.Row(nil)
		f.Rows = func(yield func(stamdata.Line, error) bool) {
			for line, err := range whole {
				given = append(given, line.Row)
				if !yield(line, err) {
					return
				}
			}
		}
		_, err := r.one().Stamdata().Load(r.ctx, f, tenth, noon)
		require.NoError(t, err)
		given[0][1] = "changed"
		for row, err := range r.one().Stamdata().Rows(r.ctx, f.Register) {
			require.NoError(t, err)
			row[1] = "changed"
		}
		assert.Equal(t, []string{"000001;A;;;;;;;;;"}, r.rows(stamdata.Practices))
	})

	t.Run("Load joins no unit of work", func(t *testing.T) {
		r := registersOf(t, open)
		rolledBack(r.ctx, t, r.first().Units, func(ctx context.Context) {
			_, err := r.one().Stamdata().Load(ctx, RegisterFile(t, "yder.csv", practiceHeader+"1;A\n"), tenth, noon)
			require.NoError(t, err)
		})
		assert.Len(t, r.rows(stamdata.Practices), 1)
	})

	t.Run("many rows", func(t *testing.T) {
		r := registersOf(t, open)
		const many = 2_000
		header, lines := "sorNummer;overordnetSor;type;navn;shak\n", strings.Builder{}
		for i := range many {
			parent := ""
			if i > 0 {
				parent = fmt.Sprint(100_000 + (i-1)/10)
			}
			fmt.Fprintf(&lines, "%d;%s;afdeling;Enhed %d;%05d\n", 100_000+i, parent, i, i)
		}
		require.Equal(t, [4]int{many, 0, 0, 0}, r.load(0, "sor-enhed.csv", header+lines.String()))
		edited := strings.Replace(header+lines.String(), "Enhed 777;", "Afsnit 777;", 1) + "200000;100000;andet;Ny;\n"
		require.Equal(t, [4]int{1, 1, 0, many - 1}, r.load(1, "sor-enhed.csv", edited))
		units, err := r.two().OrgUnits().Units(r.ctx)
		require.NoError(t, err)
		assert.Len(t, units, many+1)
	})
}

// fullRow returns values for every column of a register, the same for the same i; keys sort as i does.
func fullRow(r stamdata.Register, i int) string {
	values := make([]string, len(r.Columns))
	for c, column := range r.Columns {
		switch column.Kind {
		case stamdata.CPR:
			values[c] = []string{boy, man}[i-1]
		case stamdata.Date:
			values[c] = fmt.Sprintf("2020-0%d-%02d", i, 1+c%28)
		case stamdata.Choice:
			values[c] = column.Values[i%len(column.Values)]
		case stamdata.Digits, stamdata.Code:
			values[c] = strings.Repeat(fmt.Sprint(i), column.Max)
		case stamdata.Text:
			values[c] = fmt.Sprintf("%d Æ'%s", i, column.Name)
		}
	}
	if r.Name == stamdata.OrgUnits {
		values[r.Column("overordnetSor")] = ""
	}
	return strings.Join(values, ";")
}

func stamdataRefusing(t *testing.T, open OpenRegisters) {
	// refused requires that a load fails and leaves everything as it was.
	refused := func(t *testing.T, r registers, hours int, name, text string) error {
		t.Helper()
		register, _, err := stamdata.RegisterOf(name)
		require.NoError(t, err)
		before := r.rows(register.Name)
		_, refusal := r.try(hours, name, text)
		require.Error(t, refusal)
		assert.Equal(t, before, r.rows(register.Name))
		taken, err := r.one().Stamdata().Taken(r.ctx, RegisterFile(t, name, text).SHA256)
		require.NoError(t, err)
		assert.False(t, taken)
		return refusal
	}

	t.Run("PC-49 one bad line refuses the file, with its number, and the old rows are served", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "cpr-person.csv", "cpr;status;fornavn\n"+man+";01;Old\n")
		err := refused(t, r, 1, "cpr-person.csv", "cpr;status;fornavn\n"+mother+";01;New\n"+man+";01;New\n9901010001;01;Bad\n"+boy+";01;New\n")
		assert.Equal(t, []int{4}, badLines(t, err))
		assert.NotContains(t, err.Error(), "9901010001")
		c, err := r.two().Register().Citizen(r.ctx, person(t, man))
		require.NoError(t, err)
		assert.Equal(t, "Old", c.Name.Given)
		_, err = r.two().Register().Citizen(r.ctx, person(t, mother))
		require.ErrorIs(t, err, stamdata.ErrUnknown)
	})

	t.Run("an error of the rows is returned", func(t *testing.T) {
		r := registersOf(t, open)
		f := RegisterFile(t, "yder.csv", practiceHeader+"1;A\n")
		whole := f.Rows
		f.Rows = func(yield func(stamdata.Line, error) bool) {
			for line, err := range whole {
				if !yield(line, err) {
					return
				}
			}
			yield(stamdata.Line{}, errBoom)
		}
		_, err := r.one().Stamdata().Load(r.ctx, f, tenth, noon)
		require.ErrorIs(t, err, errBoom)
		assert.Empty(t, r.rows(stamdata.Practices))
	})

	t.Run("lines with the key of one before them are refused", func(t *testing.T) {
		r := registersOf(t, open)
		err := refused(t, r, 0, "yder.csv", practiceHeader+"1;A\n2;B\n1;A\n2;C\n3;C\n")
		assert.Equal(t, []int{4, 5}, badLines(t, err))
		const header = "autorisationsnummer;cpr;uddannelseskode\n"
		require.Equal(t, [4]int{2, 0, 0, 0}, r.load(0, "autorisation.csv", header+"0TST1;"+mother+";7170\n0TST1;"+mother+";5166\n"))
	})

	t.Run("PC-49 a full file that lacks more than a tenth and more than 20 rows is refused, unless it is forced", func(t *testing.T) {
		for _, c := range []struct {
			had, has int
			ok       bool
		}{{200, 180, true}, {200, 178, false}, {300, 270, true}, {300, 269, false}, {20, 0, true}, {21, 0, false}} {
			r := registersOf(t, open)
			r.load(0, "yder.csv", practiceHeader+numbered(0, c.had))
			text := practiceHeader + numbered(0, c.has)
			if c.ok {
				require.Equal(t, [4]int{0, 0, c.had - c.has, c.has}, r.load(1, "yder.csv", text))
				continue
			}
			require.ErrorIs(t, refused(t, r, 1, "yder.csv", text), stamdata.ErrClosesMany)
			report, err := r.force(2, "yder.csv", text)
			require.NoError(t, err)
			assert.Equal(t, c.had-c.has, report.Closed)
			assert.Len(t, r.rows(stamdata.Practices), c.has)
		}
	})

	t.Run("rows that were closed do not count in the share", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "yder.csv", practiceHeader+numbered(0, 500))
		_, err := r.force(1, "yder.csv", practiceHeader+numbered(0, 100))
		require.NoError(t, err)
		require.ErrorIs(t, refused(t, r, 2, "yder.csv", practiceHeader+numbered(0, 70)), stamdata.ErrClosesMany)
	})

	t.Run("units that form no tree are refused", func(t *testing.T) {
		const header = "sorNummer;overordnetSor;type;navn\n"
		r := registersOf(t, open)
		r.load(0, "sor-enhed.csv", header+"100001;;sygehus;A\n100002;100001;afdeling;B\n")
		for _, text := range []string{
			"100001;100002;sygehus;A\n", "100003;100003;andet;C\n", "100003;100004;andet;C\n100004;100003;andet;D\n", deepUnits(header),
		} {
			text = header + strings.TrimPrefix(text, header)
			assert.Equal(t, []int{0}, badLines(t, refused(t, r, 1, "sor-enhed.delta.csv", text)))
		}
		r.load(2, "sor-enhed.csv", header+"100001;;sygehus;A\n") // 100002 is closed and stays below it
		assert.Equal(t, []int{0}, badLines(t, refused(t, r, 3, "sor-enhed.delta.csv", header+"100001;100002;sygehus;A\n")))
	})

	t.Run("a unit whose parent is missing is a warning", func(t *testing.T) {
		r := registersOf(t, open)
		report, err := r.try(0, "sor-enhed.csv", "sorNummer;overordnetSor;type;navn\n100001;999999;sygehus;A\n100002;100001;afdeling;B\n")
		require.NoError(t, err)
		assert.Equal(t, stamdata.MissingParents([]string{"100001"}), report.Warnings)
		assert.Len(t, report.Warnings, 1)
	})

	t.Run("a register that does not exist has no rows, and a context that has ended changes nothing", func(t *testing.T) {
		r := registersOf(t, open)
		for _, err := range r.one().Stamdata().Rows(r.ctx, stamdata.Register{Name: "nosuch"}) {
			require.ErrorIs(t, err, stamdata.ErrNoRegister)
		}
		_, err := r.one().Stamdata().Load(ended(), RegisterFile(t, "yder.csv", practiceHeader+"1;A\n"), tenth, noon)
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, r.rows(stamdata.Practices))
	})

	t.Run("a register that cannot be read is not a register without rows", func(t *testing.T) {
		r := registersOf(t, open)
		_, err := r.one().Register().Citizen(ended(), person(t, man))
		require.ErrorIs(t, err, context.Canceled)
		_, err = r.one().Register().Between(ended(), person(t, man), person(t, boy), noon)
		require.ErrorIs(t, err, context.Canceled)
		_, err = r.one().Authorisations().ByNumber(ended(), "0TST1", noon)
		require.ErrorIs(t, err, context.Canceled)
		_, _, err = r.one().Aliases().Of(ended(), person(t, man))
		require.ErrorIs(t, err, context.Canceled)
	})
}

// deepUnits are 25 units, each below the one before.
func deepUnits(header string) string {
	var b strings.Builder
	b.WriteString(header)
	parent := ""
	for i := range 25 {
		sor := fmt.Sprint(500_000 + i)
		fmt.Fprintf(&b, "%s;%s;andet;Enhed\n", sor, parent)
		parent = sor
	}
	return b.String()
}

func stamdataAtOnce(t *testing.T, open OpenRegisters) {
	t.Run("loads at once wait for one another", func(t *testing.T) {
		r := registersOf(t, open)
		const n = 8
		reports, errs := make(chan stamdata.LoadReport, n), make(chan error)
		for i := range n {
			go func() {
				report, err := r.nth(i).Store.Stamdata().Load(r.ctx, RegisterFile(t, "yder.delta.csv", practiceHeader+numbered(10*i, 10*i+20)), tenth, noon)
				reports <- report
				errs <- err
			}()
		}
		times, added := map[time.Time]bool{}, 0
		for range n {
			require.NoError(t, <-errs)
			report := <-reports
			times[report.At] = true
			added += report.Added
		}
		assert.Len(t, times, n, "each at its own instant")
		assert.Equal(t, 90, added)
		assert.Len(t, r.rows(stamdata.Practices), 90)
	})

	t.Run("of one file at once one is loaded", func(t *testing.T) {
		r := registersOf(t, open)
		const n = 6
		skipped, errs := make(chan bool, n), make(chan error)
		for i := range n {
			go func() {
				report, err := r.nth(i).Store.Stamdata().Load(r.ctx, RegisterFile(t, "yder.csv", practiceHeader+numbered(0, 50)), tenth, noon)
				skipped <- report.Skipped
				errs <- err
			}()
		}
		loaded := 0
		for range n {
			require.NoError(t, <-errs)
			if !<-skipped {
				loaded++
			}
		}
		assert.Equal(t, 1, loaded)
		assert.Len(t, r.rows(stamdata.Practices), 50)
	})

	t.Run("others see the old rows while a file is read", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "yder.csv", practiceHeader+"1;A\n2;B\n")
		f := RegisterFile(t, "yder.csv", practiceHeader+"1;AA\n3;C\n")
		whole, read := f.Rows, 0
		f.Rows = func(yield func(stamdata.Line, error) bool) {
			for line, err := range whole {
				if !yield(line, err) {
					return
				}
				assert.Equal(t, []string{"000001;A;;;;;;;;;", "000002;B;;;;;;;;;"}, r.rows(stamdata.Practices))
				read++
			}
		}
		_, err := r.one().Stamdata().Load(r.ctx, f, tenth, later(1))
		require.NoError(t, err)
		assert.Equal(t, 2, read)
		assert.Equal(t, []string{"000001;AA;;;;;;;;;", "000003;C;;;;;;;;;"}, r.rows(stamdata.Practices))
	})
}

func stamdataCopies(t *testing.T, open OpenRegisters) {
	const header = "cpr;status;fornavn\n"
	// told is what a client is told of rows: name and end of each.
	told := func(rows []stamdata.CopyRow) (told [][3]string) {
		for _, row := range rows {
			values := map[string]string{}
			for _, f := range row.Fields {
				values[f.Name] = f.Value
			}
			told = append(told, [3]string{values["fornavn"], values["validFrom"], values["validTo"]})
		}
		return told
	}
	const none = "2999-12-31T00:00:00.000Z"
	at := func(hours int) string { return later(hours).Format("2006-01-02T15:04:05.000Z") }

	t.Run("changes stand at the end, with the row that they ended, and what is as it was keeps its place", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "cpr-person.csv", header+man+";01;A\n"+mother+";01;B\n")
		before := r.copies("person")
		require.Equal(t, [][3]string{{"A", at(0), none}, {"B", at(0), none}}, told(before))
		r.load(1, "cpr-person.delta.csv", header+man+";01;AA\n"+mother+";01;B\n")
		after := r.copies("person")
		require.Equal(t, [][3]string{{"B", at(0), none}, {"A", at(0), at(1)}, {"AA", at(1), none}}, told(after))
		require.Equal(t, before[1], after[0])
		require.Greater(t, after[1].PID, before[1].PID, "a row that was closed has a new number")
		require.False(t, after[1].Modified.Before(later(1)))
		r.load(2, "cpr-person.csv", header+man+";01;AA\n")
		require.Equal(t, [][3]string{{"A", at(0), at(1)}, {"AA", at(1), none}, {"B", at(0), at(2)}}, told(r.copies("person")))
		r.load(3, "cpr-person.csv", header+man+";01;AA\n\n")
		require.Len(t, r.copies("person"), 3, "what is as it was writes nothing")
	})

	t.Run("of one key and beginning the latest alone stays", func(t *testing.T) {
		r := registersOf(t, open)
		const custody = "cpr;typeKode;relationCpr;validFrom;validTo\n"
		r.load(0, "cpr-foraeldremyndighed.csv", custody+boy+";0003;"+mother+";2012-05-09;\n")
		r.load(1, "cpr-foraeldremyndighed.csv", custody+boy+";0003;"+mother+";2012-05-09;2026-10-31\n")
		all := r.copies("foraeldremyndighedrelation")
		require.Equal(t, [][3]string{{"", "2012-05-08T22:00:00.000Z", "2026-10-30T23:00:00.000Z"}}, told(all))
		require.Equal(t, "2012-05-08T22:00:00Z", all[0].ValidFrom.Format(time.RFC3339))
		r.load(2, "cpr-foraeldremyndighed.csv", custody+boy+";0003;"+mother+";2012-06-01;\n")
		require.Equal(t, [][3]string{{"", "2012-05-08T22:00:00.000Z", "2026-10-30T23:00:00.000Z"}, {"", "2012-05-31T22:00:00.000Z", none}},
			told(r.copies("foraeldremyndighedrelation")))
	})

	t.Run("every view of the register is copied as it is rendered", func(t *testing.T) {
		r := registersOf(t, open)
		for _, name := range []string{stamdata.CPRPerson, stamdata.CPRCustody, stamdata.CPRChild, stamdata.CPRGuardian} {
			register, err := stamdata.RegisterNamed(name)
			require.NoError(t, err)
			var columns []string
			for _, c := range register.Columns {
				columns = append(columns, c.Name)
			}
			row := fullRow(register, 1)
			r.load(0, name+".csv", strings.Join(columns, ";")+"\n"+row+"\n")
			view, _ := stamdata.CPRViewOf(name)
			loads, err := r.one().Stamdata().Loads(r.ctx, 1)
			require.NoError(t, err)
			want := stamdata.CPRView(register, strings.Split(row, ";"), loads[0].At, time.Time{})
			got := r.copies(view.Datatype)
			require.Len(t, got, 1)
			want.PID, want.Modified = got[0].PID, got[0].Modified
			require.Equal(t, want, got[0])
		}
	})

	t.Run("a load that is refused copies nothing", func(t *testing.T) {
		r := registersOf(t, open)
		r.load(0, "cpr-person.csv", header+man+";01;A\n")
		_, err := r.try(1, "cpr-person.csv", header+man+";01;B\n"+man+";01;C\n")
		require.Error(t, err)
		require.Equal(t, [][3]string{{"A", at(0), none}}, told(r.copies("person")))
	})
}
