package identity

import "github.com/opennsp/nsp/domain/org"

// Unit returns the identifier as the tree of organisations takes it. The scheme is what a header or credential calls it: the NameFormat of
// the HSUID header (nsi:) or of a SAML attribute (medcom:), or the OID of the SOR register. Any other gives no scheme: it names no unit.
func (o OrgID) Unit() org.ID {
	id := org.ID{Code: o.Code}
	switch o.Scheme {
	case "nsi:sor", "nsi:sorcode", "medcom:sor", "1.2.208.176.1.1":
		id.Scheme = org.SOR
	case "nsi:skskode", "nsi:skscode", "medcom:skscode", "medcom:shak":
		id.Scheme = org.SHAK
	case "nsi:ynumber", "medcom:ynumber", "medcom:ydernumber", "medcom:ydernummer":
		id.Scheme = org.Yder
	case "medcom:cvrnumber":
		id.Scheme = org.CVR
	case "medcom:pnumber":
		id.Scheme = org.PNR
	case "medcom:locationnumber":
		id.Scheme = org.EAN
	}
	return id
}
