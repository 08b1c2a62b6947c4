package run

import "fmt"

// AtLeast refuses a number of a config that is below the least that it may be, by its key.
func AtLeast(key string, value, least int) error {
	if value < least {
		return fmt.Errorf("%s is %d, expected at least %d", key, value, least)
	}
	return nil
}

// Share refuses a number of a config that is not at least 0 and below 1, by its key.
func Share(key string, value float64) error {
	if !(value >= 0 && value < 1) {
		return fmt.Errorf("%s is %v, expected at least 0 and below 1", key, value)
	}
	return nil
}
