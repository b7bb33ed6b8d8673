package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/opennsp/nsp/adapters/soap/cda"
	"github.com/opennsp/nsp/adapters/soap/willws"
	"github.com/opennsp/nsp/domain/cpr"
	"github.com/opennsp/nsp/domain/will"
)

// willName is the audience of tokens for wills, and for the opt-out of resuscitation.
const willName = "https://fsk"

type callWill struct {
	Create  willCreate  `cmd:"" help:"Register a will."`
	Update  willUpdate  `cmd:"" help:"Replace what a will says."`
	Upgrade willUpgrade `cmd:"" help:"Register a treatment will in the place of a living will."`
	Delete  willDelete  `cmd:"" help:"Withdraw a will."`
	Get     willGet     `cmd:"" help:"Read a will."`
	Has     willHas     `cmd:"" help:"Ask which wills a citizen has."`
}

// willCaller is who calls about whose will.
type willCaller struct {
	As      string `help:"Who calls: borger, the citizen who logged in; laege, who may read; or administrator, with --admin." default:"borger"`
	Citizen string `help:"Whose will (CPR number)." default:"2512489996"`
	Admin   bool   `help:"At the address for administrators."`
	target
}

// willClient is a client of one of the interfaces.
type willClient = func(willws.Interface) *willws.Client

// run has whoever calls ask about the citizen's wills.
func (c willCaller) run(s streams, call func(ctx context.Context, client willClient, citizen cpr.Number) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	send, citizen, err := c.about(ctx, c.As, c.Citizen, willName, willPath(c.Admin), s.out)
	if err != nil {
		return err
	}
	err = call(ctx, func(i willws.Interface) *willws.Client { return &willws.Client{Send: send, Interface: i} }, citizen)
	if errors.Is(err, willws.ErrInterface) {
		return plainError{"that cannot be said: nobody accepts what is declined when dying, and a living will has dying and degraded alone", err}
	}
	return err
}

// willPath is where an action on wills is served.
func willPath(admin bool) func(action string) string {
	return func(action string) string {
		switch living := strings.Contains(action, "/livstestamente/"); {
		case living && admin:
			return willws.PathLTRAdmin
		case living:
			return willws.PathLTR
		case admin:
			return willws.PathBTRAdmin
		}
		return willws.PathBTR
	}
}

// willCall is what is asked of which will.
type willCall struct {
	Living  bool   `help:"The living will (livstestamente); otherwise it is the treatment will."`
	Version string `help:"Version of the interface of treatment wills." enum:"2020,2018" default:"2020"`
	willCaller
}

func (c willCall) name() string {
	if c.Living {
		return "living will"
	}
	return "treatment will"
}

// run has whoever calls ask about the will, and tells that it is done.
func (c willCall) run(s streams, done string, call func(ctx context.Context, client *willws.Client, citizen cpr.Number) error) error {
	i := willws.BTR2020
	switch {
	case c.Living:
		i = willws.LTR2018
	case c.Version == "2018":
		i = willws.BTR2018
	}
	return c.willCaller.run(s, func(ctx context.Context, client willClient, citizen cpr.Number) error {
		if err := call(ctx, client(i), citizen); err != nil {
			return err
		}
		if done != "" {
			fmt.Fprintf(s.out, "The %s is %s.\n", c.name(), done)
		}
		return nil
	})
}

// wishes is what a command line says of a will.
type wishes struct {
	Wish []string `arg:"" optional:"" help:"What is declined: dying, degraded, pain, forced; with =relative, =guardian or =agent if that person must accept."`
}

// Help says what the words mean.
func (wishes) Help() string {
	return `What can be declined:

    dying     life-prolonging treatment, when death is near whatever is done
    degraded  the same, when one can never take care of oneself again
    pain      the same, when one would live on in very severe pain
    forced    treatment by force, when one can never decide for oneself again

degraded=relative is followed only if the nearest relative accepts it when it comes to it; guardian is the own guardian (værge), agent who
holds a lasting power of attorney (fremtidsfuldmægtig). A living will has dying and degraded alone, and asks nobody.`
}

func (w wishes) wishes() (all will.Wishes, err error) {
	to := map[string]*will.Wish{
		"dying": &all.IfDying, "degraded": &all.IfSeverelyDegraded, "pain": &all.IfSeverePain, "forced": &all.NoForcedTreatment,
	}
	for _, text := range w.Wish {
		name, needs, conditional := strings.Cut(text, "=")
		wish, known := to[name]
		acceptance, somebody := acceptances()[needs]
		switch {
		case !known || conditional && !somebody:
			return all, fmt.Errorf("%s: want dying, degraded, pain or forced, with =relative, =guardian or =agent where one of them must accept", text)
		case wish.Declined:
			return all, fmt.Errorf("%s is said twice", name)
		}
		*wish = will.Wish{Declined: true, Needs: acceptance}
	}
	return all, nil
}

// acceptances are who may have to accept a wish, as the commands name them.
func acceptances() map[string]will.Acceptance {
	return map[string]will.Acceptance{"relative": will.Relative, "guardian": will.Guardian, "agent": will.TrustedAgent}
}

type willCreate struct {
	wishes
	willCall
}

// Run registers the will.
func (c willCreate) Run(s streams) error {
	says, err := c.wishes.wishes()
	if err != nil {
		return err
	}
	return c.run(s, "registered", func(ctx context.Context, client *willws.Client, citizen cpr.Number) error {
		return client.Create(ctx, citizen, says)
	})
}

type willUpdate struct {
	wishes
	willCall
}

// Run replaces what the will says.
func (c willUpdate) Run(s streams) error {
	says, err := c.wishes.wishes()
	if err != nil {
		return err
	}
	return c.run(s, "changed", func(ctx context.Context, client *willws.Client, citizen cpr.Number) error {
		return client.Update(ctx, citizen, says)
	})
}

type willUpgrade struct {
	wishes
	willCaller
}

// Run registers the treatment will.
func (c willUpgrade) Run(s streams) error {
	says, err := c.wishes.wishes()
	if err != nil {
		return err
	}
	return c.run(s, func(ctx context.Context, client willClient, citizen cpr.Number) error {
		if err := client(willws.BTR2020).UpgradeTo(ctx, citizen, says); err != nil {
			return err
		}
		fmt.Fprintln(s.out, "The treatment will is registered in the place of the living will.")
		return nil
	})
}

type willDelete struct{ willCall }

// Run withdraws the will.
func (c willDelete) Run(s streams) error {
	return c.run(s, "withdrawn", func(ctx context.Context, client *willws.Client, citizen cpr.Number) error {
		return client.Delete(ctx, citizen)
	})
}

type willGet struct {
	Forced bool `help:"Only what it says of treatment by force: all that a dentist may read."`
	willCall
}

// Run reads the will.
func (c willGet) Run(s streams) error {
	if c.Forced && (c.Living || c.Version != "2020") {
		return errors.New("--forced is of treatment wills and of version 2020")
	}
	return c.run(s, "", func(ctx context.Context, client *willws.Client, citizen cpr.Number) error {
		get := client.Get
		if c.Forced {
			get = client.GetForced
		}
		found, err := get(ctx, citizen)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "The %s was registered %s.\n", c.name(), moment(found.Registered))
		return printWishes(s.out, &found)
	})
}

func printWishes(w io.Writer, d *cda.Document) error {
	names := map[string]string{
		cda.ElemIfDying:            "life-prolonging treatment when dying",
		cda.ElemIfSeverelyDegraded: "life-prolonging treatment when dependent for good",
		cda.ElemIfSeverePain:       "life-prolonging treatment when in severe pain for good",
		cda.ElemNoForcedTreatment:  "treatment by force",
	}
	who := map[will.Acceptance]string{}
	for name, acceptance := range acceptances() {
		who[acceptance] = name
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHAT\tDECLINED\tIF ACCEPTED BY")
	for _, element := range d.Value.Elements() {
		wish := cda.WishOf(&d.Wishes, element)
		fmt.Fprintf(table, "%s\t%s\t%s\n", names[element], yesNo(wish.Declined), orDash(who[wish.Needs]))
	}
	return table.Flush()
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

type willHas struct{ willCaller }

// Run asks both registers.
func (c willHas) Run(s streams) error {
	return c.run(s, func(ctx context.Context, client willClient, citizen cpr.Number) error {
		treatment, err := client(willws.BTR2020).Has(ctx, citizen)
		if err != nil {
			return err
		}
		living, err := client(willws.LTR2018).Has(ctx, citizen)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "treatment will  %s\nliving will     %s\n", yesNo(treatment), yesNo(living))
		return nil
	})
}
