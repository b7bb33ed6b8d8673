package bootstrap

func drivers() []string { return []string{"sqlite", "memory"} }
