/**
 * What the columns of an answer are announced as. PgBouncer announces its counts as numbers, and its tools rely on that; here they are
 * all int8. Everything else is text.
 */
import type { View } from './view.ts';

/** A column of an answer. */
export interface Column {
  readonly name: string;
  readonly type: 'text' | 'int8';
}

const numbers = new Set(
  [
    'port local_port wait wait_us close_needed remote_pid prepared_statements id',
    'recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail',
    'maxwait maxwait_us pool_size min_pool_size reserve_pool_size server_lifetime',
    'max_connections current_connections max_client_connections current_client_connections paused disabled',
    'max_user_connections max_user_client_connections items peer_id fd cancel ttl serial count',
    'size used free memtotal',
    'server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time wait_time',
    'client_parse_count server_parse_count bind_count client_login_count',
  ].flatMap((names) => names.split(' ')),
);
const families = /^(?:cl|sv|total|avg)_/;

/** The columns of a view. */
export function columnsOfView(name: string, { columns }: View): Column[] {
  return columns.map((column) => ({
    name: column,
    type:
      (numbers.has(column) && !own(name, column)) || families.test(column) || (name === 'TOTALS' && column === 'value') ? 'int8' : 'text',
  }));
}

/** Ours that have a name of PgBouncer's, but are no numbers: whether an endpoint is paused is `t` or `f`. */
function own(view: string, column: string): boolean {
  return view === 'ENDPOINTS' && column === 'paused';
}

/** Columns of texts. */
export function textColumns(names: readonly string[]): Column[] {
  return names.map((name) => ({ name, type: 'text' }));
}
