package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/opennsp/nsp/domain/nas"
	"github.com/opennsp/nsp/ports"
)

// IDLists returns the store of id lists.
func (db *DB) IDLists() ports.IDListStore { return idLists{db} }

// idLists keeps lists in nas_id_list, and the ids of each version in nas_id_list_content. A new version is written beside the old one before the
// row of the list names it.
type idLists struct{ db *DB }

var _ ports.IDListStore = idLists{}

// idBatch is how many ids one statement inserts.
const idBatch = 5_000

const (
	listVersion = "SELECT version FROM nas_id_list WHERE owner_cvr = ? AND owner_system = ? AND name = ?"
	putList     = `INSERT INTO nas_id_list (owner_cvr, owner_system, name, description, id_type, version, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (owner_cvr, owner_system, name) DO UPDATE SET description = excluded.description, id_type = excluded.id_type,
	version = excluded.version, updated_at = excluded.updated_at`
	deleteList    = "DELETE FROM nas_id_list WHERE owner_cvr = ? AND owner_system = ? AND name = ?"
	deleteContent = "DELETE FROM nas_id_list_content WHERE version = ?"
	listVersions  = "SELECT name, version FROM nas_id_list WHERE owner_cvr = ? AND owner_system = ?"
	// loadList returns the list and each of its ids, in one statement: it reads both as they were at one instant.
	loadList = `WITH l AS (SELECT version, description, id_type FROM nas_id_list WHERE owner_cvr = ? AND owner_system = ? AND name = ?)
	SELECT l.version, l.description, l.id_type, NULL FROM l
	UNION ALL SELECT c.version, NULL, NULL, c.id FROM l CROSS JOIN nas_id_list_content AS c WHERE c.version = l.version`
)

// held locks a list, so that one of several changes it at a time, and returns its version.
func (idLists) held(t *tx, o nas.Owner, name string) (version int64, there bool, err error) {
	if err := t.db.lockName(t, "id list "+o.CVR+" "+o.System+" "+name); err != nil {
		return 0, false, err
	}
	return t.single(t.ctx, listVersion, o.CVR, o.System, name)
}

func (s idLists) Put(ctx context.Context, l nas.IDList, at time.Time) (replaced bool, err error) {
	err = s.db.write(ctx, func(t *tx) error {
		old, there, err := s.held(t, l.Owner, l.Name)
		if err != nil {
			return err
		}
		version := rand.Int64() //nolint:gosec // it is to be another one, and no secret
		for some := range slices.Chunk(l.IDs, idBatch) {
			if err := t.db.insertIDs(t, version, some); err != nil {
				return err
			}
		}
		if _, err := t.exec(t.ctx, putList, l.Owner.CVR, l.Owner.System, l.Name, l.Description, l.IDType, version, at.UnixMicro()); err != nil {
			return err
		}
		if replaced = there; replaced {
			_, err = t.exec(t.ctx, deleteContent, old)
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("put an id list: %w", err)
	}
	return replaced, nil
}

func (s idLists) Delete(ctx context.Context, o nas.Owner, name string) (existed bool, err error) {
	err = s.db.write(ctx, func(t *tx) error {
		var version int64
		if version, existed, err = s.held(t, o, name); err != nil || !existed {
			return err
		}
		if _, err := t.exec(t.ctx, deleteList, o.CVR, o.System, name); err != nil {
			return err
		}
		_, err = t.exec(t.ctx, deleteContent, version)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("delete an id list: %w", err)
	}
	return existed, nil
}

func (s idLists) Version(ctx context.Context, o nas.Owner, name string) (version int64, ok bool, err error) {
	version, ok, err = s.db.read(ctx).single(ctx, listVersion, o.CVR, o.System, name)
	if err != nil {
		return 0, false, fmt.Errorf("find the version of an id list: %w", translate(err))
	}
	return version, ok, nil
}

func (s idLists) Versions(ctx context.Context, o nas.Owner) (map[string]int64, error) {
	all := map[string]int64{}
	err := s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var name string
		var version int64
		err := rows.Scan(&name, &version)
		all[name] = version
		return err
	}, listVersions, o.CVR, o.System)
	if err != nil {
		return nil, fmt.Errorf("find the versions of id lists: %w", translate(err))
	}
	return all, nil
}

func (s idLists) Load(ctx context.Context, o nas.Owner, name string) (l nas.IDList, version int64, ok bool, err error) {
	l = nas.IDList{Owner: o, Name: name}
	err = s.db.read(ctx).query(ctx, func(rows *sql.Rows) error {
		var description, idType, id sql.NullString
		if err := rows.Scan(&version, &description, &idType, &id); err != nil {
			return err
		}
		if ok = true; id.Valid {
			l.IDs = append(l.IDs, id.String)
		} else {
			l.Description, l.IDType = description.String, idType.String
		}
		return nil
	}, loadList, o.CVR, o.System, name)
	if err != nil {
		return nas.IDList{}, 0, false, fmt.Errorf("load an id list: %w", translate(err))
	}
	if !ok {
		return nas.IDList{}, 0, false, nil
	}
	return l, version, true, nil
}
