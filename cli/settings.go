package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

func (r *run) settings() *cobra.Command {
	show := func(c *cobra.Command, _ []string) error {
		list := r.Core.SettingsList()
		return r.print(list, func() error {
			t := table{columns: []column{{title: "SETTING"}, {title: "VALUE"}, {title: "DEFAULT", drop: 2}, {title: "WHAT", drop: 1}}}
			for _, s := range list {
				t.add(s.Key, s.Value, s.Default, s.Help)
			}
			return t.write(r.Out, r.Width)
		})
	}
	c := &cobra.Command{Use: "settings", Short: "Show the server's settings; set them", Args: noneOf, RunE: show}
	c.AddCommand(&cobra.Command{Use: "show", Short: "Show the settings", Args: takes(), RunE: show}, r.settingsSet())
	return c
}

func (r *run) settingsSet() *cobra.Command {
	return &cobra.Command{
		Use:     "set KEY VALUE…",
		Short:   "Change a setting",
		Example: "  settings set memory 4096\n  settings set dns 1.1.1.1 9.9.9.9\n  settings set delete-wait 1h",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(c, "%s is missing", []string{"KEY", "VALUE"}[len(args)])
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := r.Core.SetSetting(c.Context(), r.Actor, args[0], strings.Join(args[1:], " ")); err != nil {
				return err
			}
			for _, s := range r.Core.SettingsList() {
				if s.Key == args[0] {
					return r.told(map[string]string{"key": s.Key, "value": s.Value}, "%s is %s now", s.Key, s.Value)
				}
			}
			return nil
		},
	}
}
