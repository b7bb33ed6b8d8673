package kafka

// Service is the producers of one service: what it appends never shares a transaction with what another one appends.
type Service struct {
	cluster *Cluster
	name    string
}

func (s *Service) close() {}
