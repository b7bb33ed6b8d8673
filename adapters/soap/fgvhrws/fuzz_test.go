package fgvhrws

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/soap"
	"github.com/opennsp/nsp/adapters/xml/xmlout"
	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/optingout"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/fgvhr"
)

// addSamples seeds a fuzz test with the messages that there are of a kind.
func addSamples(f *testing.F, pattern string) {
	files, err := filepath.Glob("testdata/" + pattern)
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		f.Add(sample(f, strings.TrimSuffix(filepath.Base(file), ".xml")))
	}
}

// FuzzRequests: any document is read or refused, by a fault that names nobody; what is read is written so that it reads the same.
func FuzzRequests(f *testing.F) {
	addSamples(f, "*-request.xml")
	f.Add(`<f:a xmlns:f="` + space + `" xmlns:i="` + nsInstance + `">` +
		`<f:patientId i:type="f:PatientIdType" i:nil="0" value="&#48;108501234" source=" CPR "/><!-- --></f:a>`)
	f.Add(`<a xmlns="` + space + `"><patientId value="0108501234"/>` +
		`<uuid value="5B1F6F0E-6a2d-4c8e-9f6b-0d2f6f1c7a11"/><citizenCreatedDate value="0001-01-01-14:00"/></a>`)
	ten := regexp.MustCompile(`\d{10}`)
	f.Fuzz(func(t *testing.T, document string) {
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		for _, read := range []func(binder, xmltree.Node) (form, error){
			binder.register, binder.update,
			func(b binder, root xmltree.Node) (form, error) { return b.citizen(root, opDelete) },
		} {
			asked, err := read(binder{tree}, tree.Root())
			if err != nil {
				refused, ok := fault.Of(err)
				require.True(t, ok, "%v", err)
				require.Equal(t, fault.CodeSyntax, refused.Code)
				require.NotRegexp(t, ten, refused.Text)
				continue
			}
			require.Equal(t, asked, again(t, asked, read))
		}
	})
}

// again writes what was read as a message and reads it.
func again(t *testing.T, asked form, read func(binder, xmltree.Node) (form, error)) form {
	t.Helper()
	var w xmlout.Writer
	wrap(&w, "x", func(w *xmlout.Writer) {
		writePatient(w, asked.citizen)
		if asked.change.ID != "" {
			write(w, elemID, asked.change.ID)
		}
		if asked.change.Status != "" {
			write(w, elemStatus, string(asked.change.Status))
		}
		writeDay(w, asked.change.CitizenCreated)
	})
	tree, err := xmltree.Parse(w.Bytes(), xmltree.DefaultLimits(1<<20))
	require.NoError(t, err)
	defer tree.Release()
	same, err := read(binder{tree}, tree.Root())
	require.NoError(t, err, "%s", w.Bytes())
	return same
}

// answering is a client that is answered with a document.
func answering(document string) *Client {
	return &Client{Send: func(context.Context, string, func(*xmlout.Writer)) (*soap.Response, error) {
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return nil, err
		}
		return &soap.Response{Tree: tree, Root: tree.Root(), Body: tree.Root()}, nil
	}}
}

// FuzzClient: whatever a server answers, the client makes nothing of it, or what the contract can say of the citizen who was asked about.
func FuzzClient(f *testing.F) {
	addSamples(f, "*-response.xml")
	citizen, err := cpr.Parse("0108501234")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, document string) {
		tree, err := xmltree.Parse([]byte(document), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		tree.Release()
		c := answering(document)
		got, there, err := c.Get(t.Context(), citizen)
		check(t, got, err, citizen, there)
		got, err = c.Register(t.Context(), citizen, got.CitizenCreated)
		check(t, got, err, citizen, true)
		got, err = c.Update(t.Context(), citizen, fgvhr.Change{})
		check(t, got, err, citizen, true)
		if err := c.Delete(t.Context(), citizen); err != nil {
			require.ErrorIs(t, err, ErrAnswer)
		}
	})
}

func check(t *testing.T, got optingout.View, err error, citizen cpr.Number, there bool) {
	t.Helper()
	switch {
	case err != nil:
		require.ErrorIs(t, err, ErrAnswer)
		fallthrough
	case !there:
		require.Equal(t, optingout.View{}, got)
	default:
		require.Equal(t, citizen, got.Citizen)
		require.False(t, got.ID == "" || got.Status == "" || got.Created.IsZero() || got.ValidFrom.IsZero(), "%+v", got)
	}
}
