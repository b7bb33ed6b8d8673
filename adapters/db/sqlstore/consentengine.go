package sqlstore

// consentEngine is what keeping consents differs in between the databases.
type consentEngine interface {
	// numbersOf begins a statement with numbers (cpr): the number that is its first parameter and, with aliases, every other one that its person
	// has or had. The other numbers are found by the indexes of current persons alone, each once, so that a circle of them ends.
	numbersOf(aliases bool) string
}

// The conditions of the person p who has a number that was replaced, and of those whose number was replaced by it. They are those of the indexes.
const (
	replacedBy = "p.cpr = n.cpr AND p.gaeldende_cpr <> '' AND p.valid_to IS NULL"
	replaces   = "p.gaeldende_cpr = n.cpr AND p.gaeldende_cpr <> '' AND p.valid_to IS NULL"
)

func (*sqliteEngine) numbersOf(aliases bool) string {
	if !aliases {
		return "WITH numbers (cpr) AS (SELECT ?) "
	}
	return "WITH RECURSIVE numbers (cpr) AS (SELECT ? UNION SELECT p.gaeldende_cpr FROM numbers AS n CROSS JOIN cpr_person AS p WHERE " + replacedBy +
		" UNION SELECT p.cpr FROM numbers AS n CROSS JOIN cpr_person AS p WHERE " + replaces + ") "
}

// PostgreSQL goes on from a row once, and would compare the parameter by the rules of a language.
func (*postgresEngine) numbersOf(aliases bool) string {
	const given = `SELECT CAST(? AS text) COLLATE "C"`
	if !aliases {
		return "WITH numbers (cpr) AS (" + given + ") "
	}
	return "WITH RECURSIVE numbers (cpr) AS (" + given + " UNION SELECT other.cpr FROM numbers AS n CROSS JOIN LATERAL (" +
		"SELECT p.gaeldende_cpr AS cpr FROM cpr_person AS p WHERE " + replacedBy + " UNION ALL SELECT p.cpr FROM cpr_person AS p WHERE " + replaces +
		") AS other) "
}
