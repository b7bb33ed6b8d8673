package replicating_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/db/memory"
	"github.com/opennsp/nsp/application/admitting"
	"github.com/opennsp/nsp/application/replicating"
	"github.com/opennsp/nsp/application/scheduling"
	"github.com/opennsp/nsp/domain/audit"
	"github.com/opennsp/nsp/domain/ecpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/identity"
	"github.com/opennsp/nsp/domain/stamdata"
	"github.com/opennsp/nsp/domain/validity"
	"github.com/opennsp/nsp/ports"
)

var (
	noon    = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	errBoom = errors.New("boom")
)

const person = ecpr.PersonID("0d9c6f1e-7a40-4f57-9a0e-6f3b5a3f0001")

// change is a change of a version of the person.
func change(seq int64, pid string, e ecpr.Element, valid validity.Period) ecpr.Change {
	return ecpr.Change{Seq: seq, Person: person, Since: noon, Version: &ecpr.Version{PID: ecpr.PID(pid), Element: e, Valid: valid}}
}

// told returns what a row is copied as: column=value in order, without what is left out.
func told(r stamdata.CopyRow) string {
	parts := []string{r.View.String()}
	for _, f := range r.Fields {
		if value, ok := f.Copied(); ok {
			parts = append(parts, f.Name+"="+value)
		}
	}
	return strings.Join(parts, " ")
}

func TestRows(t *testing.T) {
	since := validity.Period{From: noon}
	ended := validity.Period{From: noon, To: noon.Add(time.Hour)}
	address := ecpr.Address{City: "Testby", District: "d", State: "s", PostalCode: "0900", Country: "DK", Box: "b", Expiry: "2030-01-01"}
	for i := range address.Lines {
		address.Lines[i] = fmt.Sprint("line", i+1)
	}
	oids := []ecpr.OID{{UUID: "u1", OID: "1.2", Label: "CPR", Secondary: "s", Pattern: "^x$", Type: "t"}, {UUID: "u2", OID: "1.3", Label: "Pas", Type: "p"}}
	const open, from = "ValidTo=2999-12-31T00:00:00.000Z", "ValidFrom=2026-11-22T12:00:00.000Z"
	for want, c := range map[string]ecpr.Change{
		"identifier/v1 Uuid=v PersonUuid=" + string(person) + " OidUuid=u2 OID=1.3 Value=X1 Validity=3 Expiry=2030-01-01 " + from + " " + open: change(1, "v",
			ecpr.Identifier{OID: "1.3", Value: "X1", Validity: "3", Expiry: "2030-01-01"}, since),
		"identifier/v1 Uuid=v PersonUuid=" + string(person) + " OID=9 Value=X1 " + from + " " + open: change(1, "v", ecpr.Identifier{OID: "9", Value: "X1"}, since),
		"name/v1 Uuid=v PersonUuid=" + string(person) + " Use=official FamilyName=Prøve GivenName=Jon Text=Jon Prøve " + from + " ValidTo=2026-11-22T13:00:00.000Z": change(1, "v",
			ecpr.Name{Text: "Jon Prøve", Family: "Prøve", Given: "Jon"}, ended),
		"gender/v1 Uuid=v PersonUuid=" + string(person) + " Value=other " + from + " " + open:                                    change(1, "v", ecpr.Other, since),
		"birthdate/v1 Uuid=v PersonUUID=" + string(person) + " Day=3 Month=8 Year=1978 " + from + " " + open:                     change(1, "v", ecpr.BirthDate("1978-08-03"), since),
		"birthdate/v1 Uuid=v PersonUUID=" + string(person) + " Month=11 Year=2004 " + from + " " + open:                          change(1, "v", ecpr.BirthDate("2004-11"), since),
		"contact/v1 Uuid=v PersonUuid=" + string(person) + " System=phone Value=00000000 Expiry=2030-01-01 " + from + " " + open: change(1, "v", ecpr.Contact{Value: "00000000", Expiry: "2030-01-01"}, since),
		"address/v1 UUID=v PersonUUID=" + string(person) + " Use=home StreetAddressLine1=line1 StreetAddressLine2=line2 StreetAddressLine3=line3 StreetAddressLine4=line4" +
			" StreetAddressLine5=line5 StreetAddressLine6=line6 StreetAddressLine7=line7 StreetAddressLine8=line8 StreetAddressLine9=line9 StreetAddressLine10=line10" +
			" City=Testby District=d State=s PostalCode=0900 Country=DK PostBox=b Expiry=2030-01-01 " + from + " " + open: change(1, "v", address, since),
		"person/v1 Uuid=" + string(person) + " " + from + " " + open:                {Seq: 1, Person: person, Since: noon},
		"person/v1 Uuid=" + string(person) + " MergedToUuid=w " + from + " " + open: {Seq: 1, Person: person, MergedTo: "w", Since: noon},
	} {
		rows := replicating.RowsOf([]ecpr.Change{c}, oids)
		require.Len(t, rows, 1)
		assert.Equal(t, "ecpr2registeret/"+want, told(rows[0]))
		require.NoError(t, stamdata.CheckCopies(rows))
		assert.Equal(t, noon, rows[0].ValidFrom)
	}
	rows := replicating.OIDRows(oids)
	require.NoError(t, stamdata.CheckCopies(rows))
	assert.Equal(t, "ecpr2registeret/oid/v1 Uuid=u1 OID=1.2 PrimaryOIDLabel=CPR SecondaryOIDLabel=s OIDRegEx=^x$ OIDType=t "+open, told(rows[0]))
	assert.Equal(t, "ecpr2registeret/oid/v1 Uuid=u2 OID=1.3 PrimaryOIDLabel=Pas OIDType=p "+open, told(rows[1]))
}

// failingPage is a register that does not answer.
type failingPage struct{ ports.CopyRegister }

func (failingPage) Page(context.Context, stamdata.View, stamdata.Offset, int) ([]stamdata.CopyRow, error) {
	return nil, errBoom
}

func TestReplicate(t *testing.T) {
	system := identity.Caller{Kind: identity.System, Org: identity.Organisation{CVR: "33257872"}}
	name := replicating.Request{View: stamdata.ECPRView("name"), Offset: "0"}
	holding := func(grants ...string) (*replicating.Replicator, *[]string) {
		asked := &[]string{}
		return &replicating.Replicator{
			Register: memory.New(nil).CopyRegister(), Trail: admitting.Trail{}, Now: func() time.Time { return noon },
			Granted: func(_ context.Context, name, cvr string) (bool, error) {
				*asked = append(*asked, name)
				return cvr == "33257872" && slices.Contains(grants, name), nil
			},
		}, asked
	}
	with := func(r replicating.Request, datatype string, version int) replicating.Request {
		r.View.Datatype, r.View.Version = datatype, version
		return r
	}

	t.Run("PC-42 each view has a grant of its own", func(t *testing.T) {
		r, asked := holding("skrs.ecpr2registeret.name.v1")
		_, err := r.Replicate(t.Context(), system, name)
		require.NoError(t, err)
		assert.Equal(t, []string{"skrs.ecpr2registeret.name.v1"}, *asked)
		_, err = r.Replicate(t.Context(), system, with(name, "gender", 1))
		require.ErrorIs(t, err, stamdata.ErrNoCopy)
		for _, v := range stamdata.Views() {
			if v != name.View {
				_, err = r.Replicate(t.Context(), system, replicating.Request{View: v})
				require.ErrorIs(t, err, stamdata.ErrNoCopy)
			}
		}
	})
	t.Run("PC-42 who may not read the register does not learn which views it has", func(t *testing.T) {
		r, _ := holding("skrs.cpr.person.v1", "skrs.ecpr2registeret.names.v1")
		_, err := r.Replicate(t.Context(), system, with(name, "names", 1))
		require.ErrorIs(t, err, stamdata.ErrNoCopy)
		r, _ = holding("skrs.ecpr2registeret.person.v1")
		for _, unknown := range []replicating.Request{with(name, "names", 1), with(name, "name", 2), with(name, "name", 0)} {
			_, err = r.Replicate(t.Context(), system, unknown)
			require.ErrorIs(t, err, stamdata.ErrNoView)
		}
	})
	t.Run("nobody but a system of an organisation", func(t *testing.T) {
		r, asked := holding("skrs.ecpr2registeret.name.v1")
		for _, caller := range []identity.Caller{
			{}, {Kind: identity.System}, {Kind: identity.Professional, Org: system.Org}, {Kind: identity.Operator, Administrator: true, Org: system.Org},
		} {
			_, err := r.Replicate(t.Context(), caller, name)
			require.ErrorIs(t, err, stamdata.ErrNoCopy)
		}
		assert.Empty(t, *asked)
	})
	t.Run("what cannot be told is no right", func(t *testing.T) {
		r, _ := holding()
		r.Granted = func(context.Context, string, string) (bool, error) { return true, errBoom }
		_, err := r.Replicate(t.Context(), system, name)
		require.ErrorIs(t, err, stamdata.ErrCopyStorage)
		require.ErrorIs(t, err, errBoom)
	})
	t.Run("a register that does not answer", func(t *testing.T) {
		r, _ := holding("skrs.ecpr2registeret.name.v1")
		r.Register = failingPage{}
		_, err := r.Replicate(t.Context(), system, name)
		told, _ := fault.Of(err)
		assert.Equal(t, stamdata.ErrCopyStorage, error(told))
		none := 0
		asked := name
		asked.Max = &none
		feed, err := r.Replicate(t.Context(), system, asked)
		require.NoError(t, err, "it is not asked for nothing")
		assert.Empty(t, feed.Rows)
	})
}

// registrations is a store of which changes alone are read, and an OID table.
type registrations struct {
	ports.PersonStore
	all  []ecpr.Change
	oids []ecpr.OID
	err  error
}

func (r *registrations) Changes(_ context.Context, seq int64, most int) (found []ecpr.Change, err error) {
	for _, c := range r.all {
		if c.Seq > seq && len(found) < most {
			found = append(found, c)
		}
	}
	return found, r.err
}

func (r *registrations) OIDs(context.Context) ([]ecpr.OID, error) { return r.oids, r.err }
func (r *registrations) PutOID(context.Context, ecpr.OID) error   { return nil }

// folder is a folder of exports in memory.
type folder struct {
	files map[int64][]stamdata.CopyRow
	err   error
}

func (f *folder) Write(_ context.Context, number int64, rows []stamdata.CopyRow) error {
	f.files[number] = rows
	return f.err
}

func (f *folder) Read(_ context.Context, number int64) ([]stamdata.CopyRow, error) {
	if rows, there := f.files[number]; there {
		return rows, f.err
	}
	return nil, fault.Error{Kind: fault.NotFound}
}

func (f *folder) Latest(context.Context) (latest int64, err error) {
	for n := range f.files {
		latest = max(latest, n)
	}
	return latest, nil
}

// exportBench is a server that exports.
type exportBench struct {
	db       *memory.DB
	persons  *registrations
	folder   *folder
	exporter *replicating.Exporter
	importer *replicating.Importer
	commit   error // of every unit
}

func newExportBench() *exportBench {
	clock := func() time.Time { return noon }
	b := &exportBench{db: memory.New(clock), persons: &registrations{}, folder: &folder{files: map[int64][]stamdata.CopyRow{}}}
	b.exporter = &replicating.Exporter{Persons: b.persons, OIDs: b.persons, State: b.db.ExportState(), Register: b.db.CopyRegister(), Trail: admitting.Trail{}, Now: clock, Batch: 3}
	b.importer = &replicating.Importer{Files: b.folder, Register: b.db.CopyRegister(), State: b.db.ExportState(), Trail: admitting.Trail{}, Now: clock}
	return b
}

// genders adds n changes of genders, each of another version.
func (b *exportBench) genders(n int) {
	for range n {
		seq := int64(len(b.persons.all) + 1)
		b.persons.all = append(b.persons.all, change(seq, fmt.Sprint("v", seq), ecpr.Male, validity.Period{From: noon}))
	}
}

// run does a run of a job as the runner does, and returns what it tells of itself.
func (b *exportBench) run(t *testing.T, j scheduling.Job) (replicating.Exported, error) {
	t.Helper()
	assert.Equal(t, audit.ECPR, j.Route)
	assert.Equal(t, scheduling.Schedule{Every: time.Hour}, j.Due)
	work := j.Begin()
	for {
		var done bool
		err := b.db.Units().Run(t.Context(), func(ctx context.Context) (err error) {
			done, err = work.Step(ctx)
			return err
		}, func(context.Context) error { return b.commit })
		if err != nil || done {
			return work.End(err).(replicating.Exported), err
		}
	}
}

func (b *exportBench) export(t *testing.T) (replicating.Exported, error) {
	t.Helper()
	return b.run(t, b.exporter.Job(time.Hour, time.Minute))
}

func (b *exportBench) imports(t *testing.T) (replicating.Exported, error) {
	t.Helper()
	return b.run(t, b.importer.Job(time.Hour, time.Minute))
}

func (b *exportBench) state(t *testing.T, name string) stamdata.Export {
	t.Helper()
	e, err := b.db.ExportState().State(t.Context(), name)
	require.NoError(t, err)
	return e
}

// copied returns the keys of a view in the order of pages.
func (b *exportBench) copied(t *testing.T, datatype string) []string {
	t.Helper()
	page, err := b.db.CopyRegister().Page(t.Context(), stamdata.ECPRView(datatype), stamdata.Offset{}, 2000)
	require.NoError(t, err)
	keys := []string{}
	for _, r := range page {
		keys = append(keys, r.Key)
	}
	return keys
}

func TestExport(t *testing.T) {
	t.Run("every change is copied, in batches with a number each", func(t *testing.T) {
		b := newExportBench()
		b.genders(7)
		did, err := b.export(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{Number: 3, Exports: 3, Rows: 7}, did)
		assert.Equal(t, []string{"v1", "v2", "v3", "v4", "v5", "v6", "v7"}, b.copied(t, "gender"))
		assert.Equal(t, stamdata.Export{Number: 3, Cursor: 7, At: noon}, b.state(t, replicating.ExportJob))
	})
	t.Run("only an export with data has a number", func(t *testing.T) {
		b := newExportBench()
		for range 2 {
			did, err := b.export(t)
			require.NoError(t, err)
			assert.Equal(t, replicating.Exported{}, did)
		}
		assert.Equal(t, stamdata.Export{}, b.state(t, replicating.ExportJob))
		b.genders(3)
		b.persons.all = append(b.persons.all, b.persons.all...) // the same again
		for i := range b.persons.all {
			b.persons.all[i].Seq = int64(i + 1)
		}
		_, err := b.export(t)
		require.NoError(t, err)
		assert.Equal(t, stamdata.Export{Number: 1, Cursor: 6, At: noon}, b.state(t, replicating.ExportJob))
	})
	t.Run("PC-43 a version that was closed comes again, at the end", func(t *testing.T) {
		b := newExportBench()
		b.genders(2)
		_, err := b.export(t)
		require.NoError(t, err)
		b.persons.all = append(b.persons.all, change(3, "v1", ecpr.Male, validity.Period{From: noon, To: noon.Add(time.Hour)}))
		_, err = b.export(t)
		require.NoError(t, err)
		assert.Equal(t, []string{"v2", "v1"}, b.copied(t, "gender"))
	})
	t.Run("identifier systems are copied once, and when they change", func(t *testing.T) {
		b := newExportBench()
		b.persons.oids = []ecpr.OID{{UUID: "u1", OID: "1.2"}, {UUID: "u2", OID: "1.3"}}
		for _, want := range []replicating.Exported{{Number: 1, Exports: 1, Rows: 2}, {}} {
			did, err := b.export(t)
			require.NoError(t, err)
			assert.Equal(t, want, did)
		}
		b.persons.oids[0].Label = "new"
		did, err := b.export(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{Number: 2, Exports: 1, Rows: 1}, did)
		assert.Equal(t, []string{"u2", "u1"}, b.copied(t, "oid"))
	})
	t.Run("what is not committed is exported again", func(t *testing.T) {
		b := newExportBench()
		b.genders(4)
		b.commit = errBoom
		did, err := b.export(t)
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, replicating.Exported{Detail: "boom"}, did, "nothing was done")
		assert.Empty(t, b.copied(t, "gender"))
		assert.Equal(t, stamdata.Export{}, b.state(t, replicating.ExportJob))
		b.commit = nil
		did, err = b.export(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{Number: 2, Exports: 2, Rows: 4}, did)
	})
	t.Run("a store that fails ends the run", func(t *testing.T) {
		b := newExportBench()
		b.persons.err = errBoom
		_, err := b.export(t)
		require.ErrorIs(t, err, errBoom)
	})
}

func TestExportToFiles(t *testing.T) {
	handing := func() *exportBench {
		b := newExportBench()
		b.exporter.Files, b.exporter.Register = b.folder, nil
		b.persons.oids = []ecpr.OID{{UUID: "u1", OID: "1.2"}}
		return b
	}
	t.Run("a file for each export, with the identifier systems", func(t *testing.T) {
		b := handing()
		did, err := b.export(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{}, did, "none without changes")
		b.genders(4)
		did, err = b.export(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{Number: 2, Exports: 2, Rows: 6}, did)
		assert.Len(t, b.folder.files[1], 4)
		assert.Len(t, b.folder.files[2], 2)
		assert.Empty(t, b.copied(t, "gender"))
	})
	t.Run("what was handed over and not committed stays, and what it held is exported again", func(t *testing.T) {
		b := handing()
		b.genders(2)
		b.commit = errBoom
		_, err := b.export(t)
		require.ErrorIs(t, err, errBoom)
		handed := b.folder.files[1]
		require.Len(t, handed, 3)
		b.genders(1) // which a reader of the first file would miss if it were replaced
		b.commit = nil
		did, err := b.export(t)
		require.NoError(t, err)
		assert.Equal(t, handed, b.folder.files[1])
		assert.Len(t, b.folder.files[2], 4)
		assert.Equal(t, int64(2), did.Number)
		assert.Equal(t, stamdata.Export{Number: 2, Cursor: 3, At: noon}, b.state(t, replicating.ExportJob))
	})
	t.Run("a folder that fails", func(t *testing.T) {
		b := handing()
		b.genders(1)
		b.folder.err = errBoom
		_, err := b.export(t)
		require.ErrorIs(t, err, errBoom)
		assert.Equal(t, stamdata.Export{}, b.state(t, replicating.ExportJob))
	})
	t.Run("what one server exports another imports, as if it were one", func(t *testing.T) {
		one, from, to := newExportBench(), handing(), newExportBench()
		one.persons, one.exporter.Persons, one.exporter.OIDs = from.persons, from.persons, from.persons
		to.importer.Files = from.folder
		for _, n := range []int{4, 0, 1, 9} {
			from.genders(n)
			from.persons.all = append(from.persons.all, change(int64(len(from.persons.all)+1), "v1", ecpr.Female, validity.Period{From: noon, To: noon.Add(time.Duration(n) * time.Hour)}))
			for _, err := range []error{second(one.export(t)), second(from.export(t)), second(to.imports(t))} {
				require.NoError(t, err)
			}
			for _, datatype := range []string{"gender", "oid"} {
				assert.Equal(t, slices.Sorted(slices.Values(one.copied(t, datatype))), slices.Sorted(slices.Values(to.copied(t, datatype))))
			}
			assert.Equal(t, "v1", to.copied(t, "gender")[len(to.copied(t, "gender"))-1])
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestImport(t *testing.T) {
	file := func(pids ...string) (rows []stamdata.CopyRow) {
		for _, pid := range pids {
			rows = append(rows, replicating.RowsOf([]ecpr.Change{change(1, pid, ecpr.Male, validity.Period{From: noon})}, nil)...)
		}
		return rows
	}
	t.Run("exports are taken in the order of their numbers, each once", func(t *testing.T) {
		b := newExportBench()
		b.folder.files = map[int64][]stamdata.CopyRow{2: file("b"), 1: file("a", "c"), 3: nil}
		did, err := b.imports(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{Number: 3, Exports: 3, Rows: 3}, did)
		assert.Equal(t, []string{"a", "c", "b"}, b.copied(t, "gender"))
		b.folder.files[1] = file("x")
		did, err = b.imports(t)
		require.NoError(t, err)
		assert.Equal(t, replicating.Exported{}, did)
		assert.Equal(t, []string{"a", "c", "b"}, b.copied(t, "gender"))
	})
	t.Run("PC-44 one that is missing stops it: nothing is imported, and the run fails", func(t *testing.T) {
		b := newExportBench()
		b.folder.files = map[int64][]stamdata.CopyRow{1: file("a")}
		require.NoError(t, second(b.imports(t)))
		b.folder.files[3] = file("c")
		for range 2 {
			did, err := b.imports(t)
			require.EqualError(t, err, "export 2 is missing, and 3 is there")
			assert.Equal(t, replicating.Exported{Detail: "export 2 is missing, and 3 is there"}, did)
			assert.Equal(t, []string{"a"}, b.copied(t, "gender"))
			assert.Equal(t, int64(1), b.state(t, replicating.ImportJob).Number)
		}
		b.folder.files[2] = file("b")
		require.NoError(t, second(b.imports(t)))
		assert.Equal(t, []string{"a", "b", "c"}, b.copied(t, "gender"))
	})
	t.Run("what is not committed, or cannot be read, is imported again", func(t *testing.T) {
		b := newExportBench()
		b.folder.files = map[int64][]stamdata.CopyRow{1: file("a")}
		b.commit = errBoom
		require.ErrorIs(t, second(b.imports(t)), errBoom)
		b.commit, b.folder.err = nil, errBoom
		require.ErrorIs(t, second(b.imports(t)), errBoom)
		assert.Equal(t, stamdata.Export{}, b.state(t, replicating.ImportJob))
		b.folder.err = nil
		require.NoError(t, second(b.imports(t)))
		assert.Equal(t, []string{"a"}, b.copied(t, "gender"))
	})
	t.Run("rows that are of no view are refused with their export", func(t *testing.T) {
		b := newExportBench()
		rows := file("a")
		b.folder.files = map[int64][]stamdata.CopyRow{1: append(file("b"), stamdata.CopyRow{View: rows[0].View, Key: "k"})}
		require.ErrorIs(t, second(b.imports(t)), stamdata.ErrCopyRow)
		assert.Empty(t, b.copied(t, "gender"))
	})
}
