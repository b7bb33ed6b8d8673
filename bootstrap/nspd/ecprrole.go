package main

import (
	"context"
	"fmt"
	"net/http"
	"text/tabwriter"

	"github.com/opennsp/nsp/domain/ecpr"
)

const pathRoles = "/api/ecpr/v1/roles"

type ecprCommand struct {
	Role ecprRoles `cmd:"" help:"Who may merge registrations, and who may administer them."`
}

type ecprRoles struct {
	Add  ecprRoleAdd  `cmd:"" help:"Give somebody a role."`
	End  ecprRoleEnd  `cmd:"" help:"Take a role away."`
	List ecprRoleList `cmd:"" help:"List who has which role."`
}

// holder is a person with a role in an organisation.
type holder struct {
	CVR  string `arg:"" name:"cvr" help:"CVR number of the organisation." json:"cvr"`
	CPR  string `arg:"" name:"cpr" help:"CPR number of the person." json:"cpr"`
	Role string `help:"The role: ${coordinator} or ${administrator}." default:"${coordinator}" json:"role"`
}

// roleNames are the variables of the texts above.
func roleNames() map[string]string {
	return map[string]string{"coordinator": string(ecpr.Coordinator), "administrator": string(ecpr.WebAdministrator)}
}

type ecprRoleAdd struct {
	holder
	operator
}

// Run gives the role.
func (c ecprRoleAdd) Run(s streams) error {
	return c.tell(s, c.operator, http.MethodPut, "has the role")
}

type ecprRoleEnd struct {
	holder
	operator
}

// Run takes the role away.
func (c ecprRoleEnd) Run(s streams) error {
	return c.tell(s, c.operator, http.MethodDelete, "no longer has the role")
}

// tell has the server change who has the role.
func (h holder) tell(s streams, o operator, method, done string) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if err := o.ask(ctx, method, pathRoles, h, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%s of %s %s %s\n", h.CPR, h.CVR, done, h.Role)
	return nil
}

type ecprRoleList struct{ operator }

// Run lists the roles.
func (c ecprRoleList) Run(s streams) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var list struct{ Roles []holder }
	if err := c.ask(ctx, http.MethodGet, pathRoles, nil, &list); err != nil {
		return err
	}
	if len(list.Roles) == 0 {
		fmt.Fprintln(s.out, "Nobody has a role.")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CVR\tCPR\tROLE")
	for _, r := range list.Roles {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.CVR, r.CPR, r.Role)
	}
	return table.Flush()
}
