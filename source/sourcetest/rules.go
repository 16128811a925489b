package sourcetest

func rules() []rule { return nil }
