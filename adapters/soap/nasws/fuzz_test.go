package nasws

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/opennsp/nsp/adapters/xml/xmltree"
	"github.com/opennsp/nsp/application/notifying"
	"github.com/opennsp/nsp/domain/fault"
	"github.com/opennsp/nsp/domain/nas"
)

// FuzzRequests: any document is read or refused, by a fault that names nobody; a notification that is read is the same when it is published
// again as it was delivered.
func FuzzRequests(f *testing.F) {
	files, err := filepath.Glob("testdata/*-request.xml")
	require.NoError(f, err)
	const prefixes = ` xmlns:wsnt="` + nsNotification + `" xmlns:wsa="` + nsAddressing + `" xmlns:advis="` + nsAdvis + `" xmlns:idl="` + nsIDList + `"`
	add := func(body string) {
		end := strings.IndexAny(body, " >/")
		f.Add(body[:end] + prefixes + body[end:])
	}
	for _, file := range files {
		b, err := os.ReadFile(file) //nolint:gosec // a sample
		require.NoError(f, err)
		add(string(b))
	}
	add(`<wsnt:Notify><wsnt:NotificationMessage><wsnt:Topic>a<b/></wsnt:Topic><wsnt:ProducerReference><wsa:Address/></wsnt:ProducerReference>` +
		`<wsnt:Message xmlns="urn:d"><advis:NotifyContent isSystemNotification="1"><a xmlns=""/></advis:NotifyContent></wsnt:Message></wsnt:NotificationMessage></wsnt:Notify>`)
	add(`<wsnt:Subscribe><wsnt:Filter><wsnt:TopicExpression Dialect="d"/><wsnt:MessageContent><advis:IDFilter><advis:SingleID id="2512484916" idType=""/>` +
		`<advis:XPathFilter xpathVersion="1"><a>/a</a></advis:XPathFilter></advis:IDFilter></wsnt:MessageContent><x/></wsnt:Filter>` +
		`<wsnt:SubscriptionPolicy><wsnt:UseRaw/></wsnt:SubscriptionPolicy></wsnt:Subscribe>`)
	add(`<wsnt:GetMessages><wsnt:MaximumNumber>-00</wsnt:MaximumNumber></wsnt:GetMessages>`)
	ten := regexp.MustCompile(`\d{10}`)
	f.Fuzz(func(t *testing.T, body string) {
		tree, err := xmltree.Parse([]byte(body), xmltree.DefaultLimits(1<<20))
		if err != nil {
			return
		}
		defer tree.Release()
		b := binder{tree}
		told := func(err error) bool {
			if err != nil {
				f, ok := fault.Of(err)
				require.True(t, ok, "%v", err)
				require.NotRegexp(t, ten, f.Text)
			}
			return err != nil
		}
		if all, err := b.notifications(tree.Root()); !told(err) {
			require.NotEmpty(t, all)
			for i := range all {
				again(t, all[i])
			}
		}
		if s, err := b.subscribing(tree.Root()); !told(err) {
			_, _, err := s.Filter.Judge(10)
			told(err)
		}
		if n, err := b.maximum(tree.Root()); !told(err) {
			require.GreaterOrEqual(t, n, notifying.NoQuota)
		}
		if l, err := b.list(tree.Root()); !told(err) {
			require.NotEmpty(t, l.Name)
		}
		if name, err := b.listName(tree.Root()); !told(err) {
			require.NotEmpty(t, name)
		}
	})
}

// again publishes what was delivered.
func again(t *testing.T, m notifying.Message) {
	t.Helper()
	if m.Content == nil {
		return
	}
	tree := parsed(t, delivered(m.Content))
	defer tree.Release()
	all, err := binder{tree}.notifications(deepest(tree, 2))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.NotNil(t, all[0].Content)
	require.Equal(t, [2]string{m.ID, m.IDType}, [2]string{all[0].ID, all[0].IDType})
	require.Equal(t, m.System, all[0].System)
}

// FuzzEnclose: a payload that is taken is the one element of what encloses it.
func FuzzEnclose(f *testing.F) {
	f.Add([]byte("<a/>"), "1", "t")
	f.Add([]byte("<a></a></advis:NotifyContent><advis:NotifyContent>"), "\"<&", "\x00")
	f.Add([]byte(" <advis:a xmlns='u'>&#1;]]></advis:a>\n"), "", "\xff")
	f.Fuzz(func(t *testing.T, payload []byte, id, idType string) {
		content, err := Contents{}.Enclose(nas.Notification{ID: id, IDType: idType, Payload: payload})
		if err != nil {
			require.ErrorIs(t, err, nas.ErrRefused)
			return
		}
		tree := parsed(t, content)
		defer tree.Release()
		child := binder{tree}.sole(tree.Root())
		require.NotEqual(t, xmltree.None, child)
		from, to := tree.Range(child)
		require.Equal(t, string(bytes.Trim(payload, xmlSpace)), string(content[from:to]))
	})
}
